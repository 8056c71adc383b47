/** A gateway process with a limit in Redis, told by one argument: JSON of `{ upstream, rateLimit }`. Says its port to its parent. */
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { applyGuards } from '../../lib/guards/index.js'
import balancer from '../../lib/index.js'

const { upstream, rateLimit } = JSON.parse(process.argv[2] ?? '') as { upstream: string, rateLimit: object }

const app = Fastify({ forceCloseConnections: true })
await applyGuards(app, { rateLimit }, { app, pools: app.upstreams, name: 'all' })
await app.register(balancer, { prefix: '/api', name: 'api', targets: [upstream] })
await app.listen({ port: 0, host: '127.0.0.1' })
const close = (): void => { void app.close().then(() => { if (process.connected) process.disconnect() }) }
process.once('message', close)
// A parent that has died needs no gateway.
process.once('disconnect', close)
process.send?.((app.server.address() as AddressInfo).port)
