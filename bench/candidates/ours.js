import Fastify from 'fastify'
import balancer from '../../dist/index.js'

/** Stands for a policy of the user's own, which JSON can not tell of. */
const OWN_POLICY = targets => targets[0]

export default {
  about: 'this plugin: defaults, health checks, an observer that counts',
  packages: ['fastify', 'undici'],
  can: ['http', 'routes', 'tls', 'websocket', 'events', 'variants'],

  async start ({ targets, caFile, routes = 0, websocket = false, options = {} }) {
    const counts = {}
    const observer = { settled: (_target, { kind }) => { counts[kind] = (counts[kind] ?? 0) + 1 } }
    const { observing, ...more } = options
    const pool = { targets, health: { path: '/health' }, observers: [observer], ...caFile !== undefined && { tls: { caFile } }, ...more }
    for (const name of Object.keys(pool)) if (pool[name] === null) delete pool[name]
    if (pool.policy === 'function') pool.policy = OWN_POLICY

    if (observing !== undefined) return await observed(pool, observing)
    const app = Fastify()
    if (routes === 0) await app.register(balancer, { name: 'pool', websocket, ...pool })
    else await app.register(balancer, { pools: { pool }, routes: Array.from({ length: routes }, (_, i) => ({ prefix: `/r${i}`, pool: 'pool' })) })
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }
}

/** What is only loaded by those who use it. */
async function observed (pool, observing) {
  const { look, observeAfter, observeBefore, pluginOptions, serverOptions } = await import('../observing.js')
  const app = Fastify(serverOptions(observing))
  await observeBefore(app, observing)
  await app.register(balancer, { name: 'pool', ...pool, ...pluginOptions(observing) })
  await observeAfter(app, observing)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  look(url, observing)
  return url
}
