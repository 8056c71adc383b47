/** What the types refuse. `tsc --noEmit` fails when one of these lines would pass; nothing here runs. */
import Fastify from 'fastify'
import balancer, { type AttemptRecord, type Outcome, type PoolOptions, type RouteOptions } from '../../lib/index.js'

const app = Fastify()
const targets = ['http://a']

export function options (): void {
  // @ts-expect-error an unknown option
  void app.register(balancer, { targets, wieght: 1 })
  // @ts-expect-error targets is a list
  void app.register(balancer, { targets: 'http://a' })
  // @ts-expect-error an unknown option of a target
  void app.register(balancer, { targets: [{ url: 'http://a', wt: 1 }] })
  // @ts-expect-error a weight is a number
  void app.register(balancer, { targets: [{ url: 'http://a', weight: '1' }] })
  // @ts-expect-error both forms at once
  void app.register(balancer, { pools: { a: { targets } }, targets })
  // @ts-expect-error both forms at once
  void app.register(balancer, { pools: { a: { targets } }, upstream: 'http://a' })
  // @ts-expect-error a route leads to a pool
  void app.register(balancer, { pools: { a: { targets } }, routes: [{ prefix: '/a' }] })
  // @ts-expect-error upstreams are asked in HTTP/1.1
  void app.register(balancer, { upstream: 'http://a', http2: true })
  // @ts-expect-error no limit to connections
  void app.register(balancer, { upstream: 'http://a', undici: { connections: 5 } })
  // @ts-expect-error a tunnel can not connect again
  void app.register(balancer, { upstream: 'http://a', websocket: true, wsReconnect: {} })
  // @ts-expect-error belongs to the short form
  void app.register(balancer, { pools: { a: { targets } }, routes: [{ pool: 'a', websocket: true, wsUpstream: 'ws://a' }] })
  // @ts-expect-error discovery is a function
  void app.register(balancer, { pools: { a: { discovery: ['http://a'] } } })
  // @ts-expect-error discovery yields whole lists
  void app.register(balancer, { discovery: async function * () { yield 'http://a' } })
  // @ts-expect-error belongs to a pool
  void app.register(balancer, { pools: { a: { targets } }, discovery: async function * () { yield ['http://a'] } })
}

export const pools: PoolOptions[] = [
  // @ts-expect-error no such policy
  { targets, policy: 'rr' },
  // @ts-expect-error hash has to know what to hash
  { targets, policy: 'hash' },
  // @ts-expect-error hash has to know what to hash
  { targets, policy: { name: 'hash' } },
  // @ts-expect-error no such key
  { targets, policy: { name: 'hash', key: 'url' } },
  // @ts-expect-error a policy returns a target
  { targets, policy: () => 'a' },
  // @ts-expect-error no such timeout
  { targets, timeouts: { body: 1 } },
  // @ts-expect-error no such kind of check
  { targets, health: { type: 'grpc' } },
  // @ts-expect-error no such TLS option
  { targets, tls: { pfx: 'x' } },
  // @ts-expect-error an observer has functions
  { targets, observers: [{ settled: 5 }] },
  // @ts-expect-error no such limit
  { targets, limits: { perTarget: 1 } },
  // @ts-expect-error no such order
  { targets, limits: { queueOrder: 'lifo' } },
  // @ts-expect-error passive health is on by itself
  { targets, breaker: true },
  // @ts-expect-error the client has left, which is nobody's fault
  { targets, breaker: { faults: ['aborted'] } },
  // @ts-expect-error a hedge needs one of the two
  { targets, hedge: {} },
  // @ts-expect-error a budget is off or an object
  { targets, retries: { budget: true } },
  // @ts-expect-error a rule says yes or no
  { targets, retries: { when: () => 'yes' } },
  // @ts-expect-error sticky sessions need a secret
  { targets, affinity: { cookie: 'route' } },
  // @ts-expect-error written in lower case
  { targets, affinity: { cookie: 'route', secret: 'x', sameSite: 'Lax' } },
  // @ts-expect-error a slow start has a length
  { targets, slowStart: true },
  // @ts-expect-error a priority is a number
  { targets: [{ url: 'http://a', priority: 'first' }] }
]

export const routes: RouteOptions[] = [
  // @ts-expect-error the pool chooses the target
  { replyOptions: { getUpstream: () => 'http://a' } },
  // @ts-expect-error retries are the pool's business
  { replyOptions: { retryDelay: () => null } },
  // @ts-expect-error via is a name or false
  { via: true },
  // @ts-expect-error a handler is a function
  { handler: 'x' },
  // @ts-expect-error a tunnel does not read messages
  { websocket: true, wsHooks: { onIncomingMessage () {} } },
  // @ts-expect-error the pool makes the connections
  { websocket: true, wsClientOptions: { rejectUnauthorized: false } },
  // @ts-expect-error a hook is a function
  { preHandler: 'authenticate' },
  // @ts-expect-error an importance is a number
  { importance: 'high' },
  // @ts-expect-error an importance is there at once
  { importance: async () => 1 },
  // @ts-expect-error a deadline is in a field
  { deadline: { send: true } }
]

export function results (outcome: Outcome, record: AttemptRecord): void {
  // @ts-expect-error only an answer has a status
  void outcome.status
  // @ts-expect-error what happened can not be changed
  record.ms = 1
  // @ts-expect-error targets are copies to look at
  app.upstreams['x']?.targets.push()
  // @ts-expect-error there may be no such pool
  app.upstreams['x'].start()
  app.get('/', async request => {
    // @ts-expect-error attempts are to be read
    request.attempts.push(record)
  })
}
