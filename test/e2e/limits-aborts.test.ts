import { createServer } from 'node:http'
import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoing, handshake } from '../upgrade/kit.js'
import { ask, beginEvents, isIdle, poolIn } from './holding.js'

const REQUESTS = 2000
const CLIENTS = 40

const KINDS = [
  'GET /short HTTP/1.1\r\nHost: g.test\r\n\r\n',
  'GET /long HTTP/1.1\r\nHost: g.test\r\n\r\n',
  'GET /never HTTP/1.1\r\nHost: g.test\r\n\r\n',
  'GET /events HTTP/1.1\r\nHost: g.test\r\nAccept: text/event-stream\r\n\r\n',
  'GET /events HTTP/1.1\r\nHost: g.test\r\n\r\n',
  'POST /short HTTP/1.1\r\nHost: g.test\r\nContent-Length: 2000\r\n\r\nsome of it',
  handshake('/')
]

t.test('after 2,000 requests and streams that clients left anywhere, in line too, every count is back at 0', async t => {
  const urls = await Promise.all([1, 2].map(async () => (await echoing(t, {}, createServer((request, response) => {
    request.on('error', () => {}).resume()
    if (request.url === '/short') response.end('short')
    else if (request.url === '/events') beginEvents(response)
    else if (request.url === '/long') response.write('x'.repeat(50_000))
  }))).url))
  const random = new VirtualClock(7)
  const gate = await gateway(t, { targets: urls, websocket: true, limits: { inFlight: 5, target: 3, streams: 8, queue: 10 } })
  const pool = poolIn(gate)
  let left = REQUESTS
  let waited = 0
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const client = await rawClient(t, gate.port)
      await client.send(KINDS[Math.floor(random.random() * KINDS.length)] ?? '')
      const moment = random.random()
      // At once, some turns later, or when something has come: the request is then anywhere.
      if (moment < 0.3) for (let turns = Math.floor(moment * 50); turns > 0; turns--) await new Promise(resolve => { setImmediate(resolve) })
      else if (moment < 0.7) await until(() => client.received !== '' || pool.load.waiting > 0 || left <= 0, 30_000)
      if (client.received === '' && pool.load.waiting > 0) waited++
      if (random.random() < 0.5) client.destroy()
      else client.reset()
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, work))
  // Whoever connected before it has been let in by then, if only to be found gone.
  t.equal((await ask(gate, '/short')).status, 200)
  await until(() => isIdle(pool), 20_000)
  t.same(pool.load, { inFlight: 0, streams: 0, waiting: 0 })
  t.ok(waited > REQUESTS / 20, `${waited} may have left the line`)
  t.same(pool.targets.map(({ counters: { faults } }) => faults), [0, 0])
  for (const { counters: { attempts, answered, unsent, failed, broken, aborted } } of pool.targets) {
    t.equal(answered + unsent + failed + broken + aborted, attempts, 'every attempt has come to one end')
  }
  t.equal((await ask(gate, '/short')).status, 200)
})
