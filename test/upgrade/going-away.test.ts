import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import type { Pool } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until, type Gateway } from '../kit/index.js'
import { echoed, echoing, inFlight, opened } from './kit.js'

interface Open extends Gateway {
  readonly clock: VirtualClock
  readonly pool: Pool
  readonly target: string
  readonly client: never
  /** Both ends of a WebSocket, and how each was closed. */
  readonly ends: readonly [WebSocket, WebSocket]
  readonly closed: () => number[]
}

/** Without limits of time for requests: what timers there are, are those of WebSockets. */
async function open (t: Test, { timeouts, ...options }: { timeouts?: object } = {}): Promise<Open> {
  const clock = new VirtualClock()
  const { url: target, wss } = await echoing(t)
  const running = await gateway(t, { prefix: '/ws', targets: [target], websocket: true, clock, timeouts: { headers: 0, idle: 0, ...timeouts }, ...options })
  const client = await opened(t, `${running.url}/ws`)
  const [upstream] = wss.clients as unknown as WebSocket[]
  const codes: number[] = []
  for (const end of [client, upstream]) end?.on('close', (code: number) => { codes.push(code) }).on('error', () => {})
  return { ...running, clock, pool: running.app.upstreams['ws'] as Pool, target, client: undefined as never, ends: [client, upstream as WebSocket], closed: () => codes }
}

/** What takes a target out of use. */
const reasons: Record<string, (open: Open) => Promise<unknown> | unknown> = {
  drain: ({ pool, target }) => { pool.drain(target) },
  remove: async ({ pool, target }) => { await pool.remove(target) },
  set: async ({ pool }) => { await pool.set(['http://127.0.0.1:1']) },
  'weight 0': async ({ pool, target }) => { await pool.set([{ url: target, weight: 0 }]) },
  'app.close': async ({ app }) => { await app.close() }
}

for (const [reason, act] of Object.entries(reasons)) {
  void t.test(`${reason} ends a WebSocket with 1001 at both ends once the grace is over, not before`, async t => {
    const here = await open(t)
    const { clock, ends, closed, app, log } = here
    let resolved = false
    const done = (async () => { await act(here) })().then(() => { resolved = true })
    await until(() => clock.pending > 0)
    // app.close runs its hooks first.
    await new Promise(resolve => { setTimeout(resolve, 50) })
    await clock.advance(9999)
    t.equal(await echoed(ends[0], 'still here'), 'still here')
    t.same(closed(), [])
    if (reason === 'remove' || reason === 'set' || reason === 'app.close') t.equal(resolved, false, 'it waits for the WebSocket')
    await clock.advance(1)
    await until(() => closed().length === 2)
    t.same(closed(), [1001, 1001])
    await done
    await until(() => inFlight(app) === 0)
    await until(() => log.some(({ msg }) => msg === 'WebSocket closed'))
    await until(() => clock.pending === 0)
  })
}

t.test('draining that is taken back within the grace ends nothing', async t => {
  for (const weights of [false, true]) {
    const { clock, pool, target, ends, closed, url } = await open(t)
    if (weights) await pool.set([{ url: target, weight: 0 }])
    else pool.drain(target)
    await clock.advance(9999)
    if (weights) await pool.set([{ url: target, weight: 1 }])
    else pool.drain(target, false)
    await clock.advance(100_000)
    t.equal(await echoed(ends[0], 'still here'), 'still here')
    t.same(closed(), [])
    // And the next time it counts from its own beginning.
    pool.drain(target)
    await clock.advance(9999)
    t.same(closed(), [])
    await clock.advance(1)
    await until(() => closed().length === 2)
    pool.drain(target, false)
    const next = await opened(t, `${url}/ws`)
    await clock.advance(100_000)
    t.equal(await echoed(next, 'for good'), 'for good')
  }
})

t.test('a second reason does not begin the grace anew', async t => {
  const { clock, pool, target, closed } = await open(t)
  pool.drain(target)
  await clock.advance(6000)
  pool.drain(target)
  const removed = pool.remove(target)
  await clock.advance(4000)
  await until(() => closed().length === 2)
  await removed
})

t.test('grace 0 lets WebSockets go on for as long as they want', async t => {
  const { clock, pool, target, ends, closed, app } = await open(t, { timeouts: { grace: 0, tunnel: 0 } })
  pool.drain(target)
  const removed = pool.remove(target)
  await clock.advance(1_000_000)
  t.equal(await echoed(ends[0], 'still here'), 'still here')
  t.same(closed(), [])
  ends[0].close()
  await removed
  t.equal(inFlight(app), 0)
})

t.test('a handshake that ends after the grace is ended at once', async t => {
  const waiting: Array<() => void> = []
  const clock = new VirtualClock()
  const { url, wss } = await echoing(t, {
    verifyClient: (_info: unknown, done: (ok: boolean) => void) => { waiting.push(() => { done(true) }) }
  })
  const { app, url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true, clock, timeouts: { grace: 100 } })
  const opening = opened(t, `${front}/ws`)
  await until(() => waiting.length === 1)
  const removed = app.upstreams['ws']?.remove(url)
  await clock.advance(200)
  t.equal(wss.clients.size, 0)
  waiting[0]?.()
  const socket = await opening
  if (socket.readyState !== socket.CLOSED) t.equal((await once(socket, 'close'))[0], 1001)
  await removed
  await until(() => wss.clients.size === 0)
})

t.test('silence ends a WebSocket after timeouts.tunnel, an hour by default', async t => {
  for (const [options, ms] of [[{}, 3_600_000], [{ timeouts: { tunnel: 5000 } }, 5000]] as const) {
    const { clock, closed, ends } = await open(t, options)
    await clock.advance(ms - 1)
    t.equal(await echoed(ends[0], 'still here'), 'still here')
    await clock.advance(ms - 1)
    t.same(closed(), [])
    await clock.advance(1)
    await until(() => closed().length === 2)
    t.same(closed(), [1001, 1001])
  }
})
