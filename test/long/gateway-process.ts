/** A gateway in a process of its own, so that its memory can be measured: the parent sends the target, then asks for figures. */
import Fastify from 'fastify'
import balancer from '../../lib/index.js'

const app = Fastify({ forceCloseConnections: true })

async function start (target: string): Promise<void> {
  await app.register(balancer, { name: 'pool', targets: [target], websocket: true })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
}

process.on('message', (message: { readonly target?: string }) => {
  if (message.target !== undefined) void start(message.target)
  else process.send?.({ rss: process.memoryUsage.rss(), inFlight: app.upstreams['pool']?.targets[0]?.inFlight })
})
process.on('disconnect', () => { void app.close() })
process.on('warning', warning => { throw warning })
