import t from 'tap'
import { stalledResponse, stalledUpload } from '../long/backpressure.js'

const BYTES = 64 * 2 ** 20

t.test('a client that does not read makes the upstream wait, and not the gateway grow', async t => {
  await stalledResponse(t, BYTES, 'length')
})

t.test('an upstream that does not read makes the client wait, and not the gateway grow', async t => {
  await stalledUpload(t, BYTES, 'chunked')
})
