import { readFileSync } from 'node:fs'
import replyFrom from '@fastify/reply-from'
import Fastify from 'fastify'

export default {
  about: 'plain @fastify/reply-from, undici',
  packages: ['@fastify/reply-from'],
  can: ['http', 'routes', 'tls', 'events'],

  async start ({ targets: [base], caFile, routes = 0 }) {
    const app = Fastify()
    // As @fastify/http-proxy does it, and as a proxy has to: bodies are not parsed.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
    await app.register(replyFrom, { base, disableRequestLogging: true, ...caFile !== undefined && { undici: { connect: { ca: readFileSync(caFile) } } } })
    if (routes === 0) app.all('/*', (_request, reply) => reply.from())
    for (let i = 0; i < routes; i++) app.all(`/r${i}/*`, (request, reply) => reply.from(`/${request.params['*']}`))
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }
}
