import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { gateway, until, type Gateway } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, opened } from '../upgrade/kit.js'
import { ask, beginEvents, isIdle, poolIn } from './holding.js'

const EVENTS = { headers: { accept: 'text/event-stream' } }

interface Scene extends Gateway {
  /** Lets `/late` begin its events. */
  readonly begin: () => void
  readonly late: () => number
}

/** A target with events at `/events`, events that are no surprise at `/late`, WebSockets, and short answers everywhere else. */
async function scene (t: Test, limits: object): Promise<Scene> {
  const late: Array<() => void> = []
  const { url } = await echoing(t, {}, createServer((request, response) => {
    if (request.url === '/events') beginEvents(response)
    else if (request.url === '/late') late.push(() => { beginEvents(response) })
    else response.end('short')
  }))
  const gate = await gateway(t, { targets: [url], websocket: true, limits })
  return { ...gate, begin () { for (const begin of late) begin() }, late: () => late.length }
}

for (const limits of [{ inFlight: 1 }, { target: 1 }, { adaptive: { initial: 1, min: 1, max: 1 } }]) {
  void t.test(`events and WebSockets leave ${Object.keys(limits).join()} to requests`, async t => {
    const gate = await scene(t, { ...limits, queue: 0 })
    const pool = poolIn(gate)
    const events = await Promise.all([1, 2, 3].map(async () => await gate.request('/events', EVENTS)))
    // Nobody could know of this one before its answer.
    events.push(await gate.request('/events'))
    const sockets = [await opened(t, gate.url), await opened(t, gate.url)]
    t.same(pool.load, { inFlight: 0, streams: 6, waiting: 0 })
    t.match(pool.targets, [{ inFlight: 6, streams: 6 }])
    for (let i = 0; i < 5; i++) t.match(await ask(gate, '/'), { status: 200, text: 'short' })
    t.equal(await echoed(sockets[0] as never, 'hello'), 'hello')
    for (const { body } of events) body.destroy()
    for (const socket of sockets) socket.close()
    await until(() => isIdle(pool))
  })
}

t.test('streams open while requests take every place', async t => {
  for (const limits of [{ inFlight: 1 }, { target: 1 }]) {
    const gate = await scene(t, limits)
    const pool = poolIn(gate)
    const held = gate.request('/late')
    await until(() => gate.late() === 1)
    const { statusCode, body } = await gate.request('/events', EVENTS)
    t.equal(statusCode, 200)
    t.equal(await echoed(await opened(t, gate.url), 'hello'), 'hello')
    body.destroy()
    gate.begin()
    ;(await held).body.destroy()
    await until(() => pool.load.streams === 1)
  }
})

for (const [what, options] of [['that was expected to', EVENTS], ['that turns out to', {}]] as const) {
  void t.test(`a request ${what} be a stream gives its place on to who waits for it`, async t => {
    const gate = await scene(t, { target: 1, queueTimeout: 0 })
    const pool = poolIn(gate)
    const late = gate.request('/late', options)
    await until(() => gate.late() === 1)
    const short = ask(gate, '/')
    await until(() => pool.load.waiting === 1)
    gate.begin()
    t.equal((await short).text, 'short')
    t.same(pool.load, { inFlight: 0, streams: 1, waiting: 0 })
    ;(await late).body.destroy()
    await until(() => isIdle(pool))
  })
}

t.test('one stream too many gets a 503 at once, of whatever kind, until another has ended', async t => {
  const gate = await scene(t, { streams: 2 })
  const pool = poolIn(gate)
  const { body } = await gate.request('/events', EVENTS)
  const socket = await opened(t, gate.url)
  t.match(await ask(gate, '/events', EVENTS), { status: 503, code: 'FST_BALANCER_TOO_MANY_STREAMS', headers: { 'retry-after': '1' } })
  const client = await rawClient(t, gate.port)
  await client.send(handshake('/'))
  const refusal = await client.response()
  t.equal(refusal?.status, 503)
  t.match(client.received, /retry-after: 1\r\n[^]*FST_BALANCER_TOO_MANY_STREAMS/i)
  t.equal((await ask(gate, '/')).status, 200, 'requests are no streams')
  body.destroy()
  await until(() => pool.load.streams === 1)
  t.equal(await echoed(await opened(t, gate.url), 'next'), 'next')
  socket.terminate()
  await until(() => pool.load.streams === 1)
})

t.test('an answer that turns out to be one stream too many is passed on all the same', async t => {
  const gate = await scene(t, { streams: 1 })
  const both = [await gate.request('/events'), await gate.request('/events')]
  t.same(both.map(({ statusCode }) => statusCode), [200, 200])
  t.equal(poolIn(gate).load.streams, 2)
  for (const { body } of both) body.destroy()
  await until(() => isIdle(poolIn(gate)))
})
