import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'

const CLIENTS = 200
const ROUNDS = 10

/** Milliseconds from a client's close to the end of its request upstream, without those in which other processes had the machine. */
const LIMIT = 100

/** Milliseconds that this process has waited for a processor so far; 0 where the system does not tell. */
function waited (): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

t.setTimeout(600_000)

t.test(`${CLIENTS} clients that leave before an answer, ${ROUNDS} times: each request upstream ends within ${LIMIT} ms`, { timeout: 300_000 }, async t => {
  const left = new Map<string, { readonly at: number, readonly waited: number }>()
  const ended: number[] = []
  const own: number[] = []
  const target = await upstream(t, (request, response) => {
    request.resume()
    response.once('close', () => {
      const since = left.get(request.url ?? '')
      const ms = performance.now() - (since?.at ?? NaN)
      ended.push(ms)
      own.push(ms - waited() + (since?.waited ?? NaN))
    })
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] }, { logger: false })
  for (let round = 0; round < ROUNDS; round++) {
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, async (_, i) => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(`${i % 2 === 0 ? 'GET' : 'DELETE'} /${round}-${i} HTTP/1.1\r\nHost: x\r\n\r\n`)
      return socket
    }))
    await until(() => target.hits() === (round + 1) * CLIENTS, 20_000)
    for (const [i, socket] of sockets.entries()) {
      left.set(`/${round}-${i}`, { at: performance.now(), waited: waited() })
      if (i % 2 === 0) socket.destroy()
      else socket.resetAndDestroy()
      // Clients do not leave in one breath.
      if (i % 10 === 0) await pause(1)
    }
    await until(() => ended.length === (round + 1) * CLIENTS, 20_000)
  }
  t.comment(`${ended.length} aborts, upstream ended after ${figures(ended)}; without the wait for a processor after ${figures(own)}`)
  t.equal(ended.length, CLIENTS * ROUNDS)
  t.ok(own.every(ms => ms <= LIMIT), `all within ${LIMIT} ms`)
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0]?.counters, { attempts: CLIENTS * ROUNDS, aborted: CLIENTS * ROUNDS, faults: 0 })
})

function figures (ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.ceil(sorted.length * share) - 1] ?? NaN).toFixed(1)
  return `${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (slowest)`
}
