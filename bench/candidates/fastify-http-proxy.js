import { readFileSync } from 'node:fs'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'

export default {
  about: '@fastify/http-proxy',
  packages: ['@fastify/http-proxy'],
  can: ['http', 'routes', 'tls', 'websocket', 'events'],

  async start ({ targets: [upstream], caFile, routes = 0, websocket = false }) {
    const app = Fastify()
    const options = { upstream, disableRequestLogging: true, ...caFile !== undefined && { undici: { connect: { ca: readFileSync(caFile) } } } }
    if (routes === 0) await app.register(httpProxy, { ...options, websocket })
    for (let i = 0; i < routes; i++) await app.register(httpProxy, { ...options, prefix: `/r${i}` })
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }
}
