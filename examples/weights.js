// A target with weight 3 gets three times the requests of one with weight 1, spread out and not in a row.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const upstreams = ['big', 'small'].map(name => Fastify().get('/*', async () => name))
const [big, small] = await Promise.all(upstreams.map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, {
  pools: {
    api: { targets: [{ url: big, weight: 3 }, { url: small, weight: 1 }] }
  },
  routes: [{ prefix: '/api', pool: 'api' }]
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const answers = []
for (let i = 0; i < 8; i++) answers.push(await (await fetch(`${url}/api`)).text())
console.log(answers.join(' '))

await app.close()
await Promise.all(upstreams.map(upstream => upstream.close()))
