// Two upstreams behind one prefix take turns.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const upstreams = ['a', 'b'].map(name => Fastify().get('/*', async request => `${name} was asked for ${request.url}`))
const targets = await Promise.all(upstreams.map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, { prefix: '/api', targets })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

for (const path of ['/api/1', '/api/2', '/api/3?full=yes', '/api/4']) {
  const response = await fetch(url + path)
  console.log(`${path}: ${await response.text()}`)
}

await app.close()
await Promise.all(upstreams.map(upstream => upstream.close()))
