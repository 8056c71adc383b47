import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import balancer from '../../lib/index.js'

const app = Fastify({ forceCloseConnections: true })
await app.register(balancer, { prefix: '/ws', targets: [process.argv[2] ?? ''], websocket: true })
await app.listen({ port: 0, host: '127.0.0.1' })
process.on('message', question => {
  globalThis.gc?.()
  process.send?.(question === 'memory' ? process.memoryUsage().rss : app.upstreams['ws']?.targets[0]?.inFlight)
})
process.on('disconnect', () => { process.exit() })
process.send?.((app.server.address() as AddressInfo).port)
