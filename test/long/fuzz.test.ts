import t from 'tap'
import { fuzzRequests } from '../fuzz/fuzz-requests.js'
import { fuzzResponses } from '../fuzz/fuzz-responses.js'

const EXCHANGES = Number(process.env['FUZZ_EXCHANGES'] ?? 20_000)

t.setTimeout(1_800_000)

t.test(`${EXCHANGES} exchanges with requests of every shape`, { timeout: 900_000 }, async t => {
  await fuzzRequests(t, EXCHANGES)
})

t.test(`${EXCHANGES} exchanges with responses of every shape`, { timeout: 900_000 }, async t => {
  await fuzzResponses(t, EXCHANGES)
})
