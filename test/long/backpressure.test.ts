import t from 'tap'
import { mib, stalledResponse, stalledUpload, stalledWebSocket, type Figures } from './backpressure.js'

const GIB = Number(process.env['LONG_BYTES'] ?? 2 ** 30)
const WEBSOCKET = Math.min(GIB, 150 * 2 ** 20)

t.setTimeout(1_800_000)

const CASES: Record<string, (t: Parameters<typeof stalledResponse>[0]) => Promise<Figures>> = {
  [`a response of ${mib(GIB)}, its length told, to a client that does not read`]: async t => await stalledResponse(t, GIB, 'length'),
  [`a chunked response of ${mib(GIB)} to a client that does not read`]: async t => await stalledResponse(t, GIB, 'chunked'),
  [`an upload of ${mib(GIB)}, its length told, to an upstream that does not read`]: async t => await stalledUpload(t, GIB, 'length'),
  [`a chunked upload of ${mib(GIB)} to an upstream that does not read`]: async t => await stalledUpload(t, GIB, 'chunked'),
  [`${mib(WEBSOCKET)} in a WebSocket to a client that does not read`]: async t => await stalledWebSocket(t, WEBSOCKET)
}

for (const [what, run] of Object.entries(CASES)) {
  t.test(what, { timeout: 600_000 }, async t => {
    const started = performance.now()
    const { taken, waiting, grown } = await run(t)
    t.comment(`${what}: stalls after ${mib(taken)}, ${mib(waiting)} of them in the system's buffers; the gateway grows by ${mib(grown)}, whole in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  })
}
