// Reads what the last `tap` run covered of lib/ and fails below the promise.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROMISE = 95

const directory = mkdtempSync(join(tmpdir(), 'coverage-'))
try {
  // tsx writes each file on one line; of c8's two ways to read that back, only this one counts statements and branches.
  execFileSync('npx', ['c8', 'report', '--experimental-monocart', '--temp-directory=.tap/coverage', `--reports-dir=${directory}`,
    '--reporter=json-summary', '--reporter=text', '--include=lib/**', '--all', '--src=lib'], { stdio: 'inherit' })
  const { total, ...files } = JSON.parse(readFileSync(join(directory, 'coverage-summary.json'), 'utf8'))
  // A file that no test has loaded counts nothing; only types may.
  const unloaded = Object.entries(files).filter(([file, { statements }]) =>
    statements.total === 0 && /^(?:export )?(?:default )?(?:async )?(?:function|class|const) /m.test(readFileSync(file, 'utf8')))
  if (unloaded.length > 0) {
    console.error(`never loaded by a test: ${unloaded.map(([file]) => file).join(', ')}`)
    process.exitCode = 1
  }
  const short = ['statements', 'branches'].filter(kind => total[kind].pct < PROMISE)
  if (short.length > 0) {
    console.error(`coverage of lib/ must be at least ${PROMISE} %: ${short.map(kind => `${kind} ${total[kind].pct} %`).join(', ')}`)
    process.exitCode = 1
  }
} finally {
  rmSync(directory, { recursive: true })
}
