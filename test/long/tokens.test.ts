import t from 'tap'
import { runTokens } from './tokens.js'

const MS = Number(process.env['LONG_MS'] ?? 120_000)

t.setTimeout(MS + 120_000)

t.test(`${MS} ms of tokens: nobody gets the answer of another`, { timeout: MS + 100_000 }, async t => {
  await runTokens(t, 200, MS)
})
