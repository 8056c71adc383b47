// Reads what the last `tap` run covered of lib/ and fails below the promise.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROMISE = 95

const directory = mkdtempSync(join(tmpdir(), 'coverage-'))
try {
  execFileSync('npx', ['c8', 'report', '--temp-directory=.tap/coverage', `--reports-dir=${directory}`,
    '--reporter=json-summary', '--reporter=text', '--include=lib/**', '--all', '--src=lib'], { stdio: 'inherit' })
  const { total } = JSON.parse(readFileSync(join(directory, 'coverage-summary.json'), 'utf8'))
  const short = ['statements', 'branches'].filter(kind => total[kind].pct < PROMISE)
  if (short.length > 0) {
    console.error(`coverage of lib/ must be at least ${PROMISE} %: ${short.map(kind => `${kind} ${total[kind].pct} %`).join(', ')}`)
    process.exitCode = 1
  }
} finally {
  rmSync(directory, { recursive: true })
}
