import t from 'tap'
import { fuzzResponses } from './fuzz-responses.js'
import { EXCHANGES } from './run.js'

t.test('responses of every shape reach the client as they are; those that break off or are no HTTP are told from them', async t => {
  await fuzzResponses(t, EXCHANGES)
})
