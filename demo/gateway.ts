import Fastify from 'fastify'
import balancer, { type Observer, type TargetSnapshot } from '../lib/index.js'
import { status } from '../lib/status/index.js'
import type { UpstreamProcess } from './process.js'
import { SCENE } from './scene.js'

/** Short enough for an outage to be seen within half a second. */
const HEALTH = { path: '/healthz', interval: 200, timeout: 1000, rise: 2, fall: 2 }

export interface Gateway {
  readonly url: string
  /** Requests that needed more than one attempt. */
  readonly retried: () => number
  readonly targets: (pool: string) => readonly TargetSnapshot[]
  readonly close: () => Promise<void>
}

/** The part that a user of the plugin would write: pools, routes, and routes of one's own beside them. */
export async function openGateway (port: number, upstreams: readonly UpstreamProcess[], observer: Observer): Promise<Gateway> {
  const app = Fastify({ forceCloseConnections: true })
  let retried = 0

  app.addHook('onSend', async (request, reply) => {
    if (request.attempts.length > 0) reply.header('x-attempts', request.attempts.length)
  })
  app.addHook('onResponse', async request => {
    if (request.attempts.length > 1) retried++
  })

  const target = (name: string, weight: number) => {
    const upstream = upstreams.find(({ config }) => config.name === name)
    if (upstream === undefined) throw new Error(`no upstream ${name}`)
    return { url: upstream.url, weight }
  }
  await app.register(balancer, {
    pools: Object.fromEntries(SCENE.map(pool => [pool.name, {
      targets: pool.upstreams.map(({ name, weight }) => target(name, weight)),
      policy: pool.policy,
      health: HEALTH,
      observers: [observer]
    }])),
    routes: SCENE.map(({ name, prefix }) => ({ prefix, pool: name }))
  })

  // Only this machine can reach the demo: elsewhere there would be an onRequest hook.
  await app.register(status, { prefix: '/_balancer', actions: true })

  const targets = (pool: string): readonly TargetSnapshot[] => app.upstreams[pool]?.targets ?? []
  app.get('/status', async () => Object.fromEntries(SCENE.map(({ name }) => [name, targets(name)])))

  const url = await app.listen({ port, host: '127.0.0.1' })
  return { url, retried: () => retried, targets, close: async () => { await app.close() } }
}
