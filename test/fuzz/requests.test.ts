import t from 'tap'
import { fuzzRequests } from './fuzz-requests.js'
import { EXCHANGES } from './run.js'

t.test('requests of every shape, whole or changed by a byte, reach the upstream as they are or not at all', async t => {
  await fuzzRequests(t, EXCHANGES)
})
