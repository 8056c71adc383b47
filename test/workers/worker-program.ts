/** What runs in each worker: a pool on every prefix `/<pool>`, and `/worker`, which says who it is. */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import balancer, { shutdown } from '../../lib/index.js'
import { runWorker, type WorkerContext } from '../../lib/workers/index.js'
import type { Configuration } from './configuration.js'

let app: FastifyInstance | undefined
let close: (() => Promise<void>) | undefined
let context: WorkerContext | undefined
let current: Configuration | undefined

runWorker<Configuration>({
  async start (configuration, worker) {
    if (configuration.start === 'fails') throw new Error('the program has no wish to start')
    if (configuration.start === 'exits') process.exit(7)
    if (configuration.start === 'hangs') await new Promise(() => {})
    const { id, count } = worker
    context = worker
    current = configuration
    app = Fastify({ forceCloseConnections: false })
    close = shutdown(app, { signals: [], linger: 50 })
    app.addHook('onSend', async (_request, reply) => { reply.header('x-worker', String(process.pid)) })
    app.get('/worker', async () => ({ id, count, pid: process.pid, argv: process.argv.slice(2), configuration: current?.name }))
    app.get('/slow', async () => {
      await new Promise(resolve => { setTimeout(resolve, 500) })
      return 'slow'
    })
    await app.register(balancer, {
      pools: worker.pools(configuration.pools),
      routes: Object.keys(configuration.pools).map(pool => ({ prefix: `/${pool}`, rewritePrefix: '/', pool }))
    })
    worker.tellOf(app.upstreams)
    worker.answer('name', () => current?.name)
    worker.answer('function', () => () => {})
    worker.answer('throws', () => { throw new Error('no answer for you') })
    worker.answer('hangs', async () => await new Promise(() => {}))
    await app.listen(worker.listen({ port: configuration.port, host: '127.0.0.1' }))
    const { port } = app.server.address() as AddressInfo
    worker.answer('port', () => port)
  },

  async reload (configuration) {
    if (app === undefined || context === undefined) throw new Error('not started')
    const { id } = context
    if (configuration.refuse?.includes(id) === true) throw new Error(`worker ${id} does not like it`)
    if (configuration.silent?.includes(id) === true) await new Promise(() => {})
    if (configuration.die?.includes(id) === true) process.kill(process.pid, 'SIGKILL')
    for (const [name, { targets }] of Object.entries(configuration.pools)) void app.upstreams[name]?.set(targets ?? [])
    current = configuration
  },

  async stop () {
    if (current?.stop === 'fails') throw new Error('the program has no wish to stop')
    if (current?.stop === 'hangs') await new Promise(() => {})
    await close?.()
  }
})
