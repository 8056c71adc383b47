// What Prometheus is told of a pool, one of whose targets refuses connections.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { prometheus } from 'fastify-balancer/prometheus'

const upstream = Fastify().get('/*', async () => 'hello')
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
await app.register(balancer, { name: 'users', prefix: '/users', targets: ['http://127.0.0.1:1', target], policy: 'first', breaker: false })
await app.register(prometheus)
const url = await app.listen({ port: 0, host: '127.0.0.1' })

for (let i = 0; i < 3; i++) await (await fetch(`${url}/users/${i}`)).text()

const metrics = await (await fetch(`${url}/metrics`)).text()
const names = /^fastify_balancer_(requests_total|retries_total|answered_elsewhere_total|target_attempts_total)\{/
for (const line of metrics.split('\n')) {
  if (names.test(line) && !line.endsWith(' 0')) console.log(line.replace(target, 'http://well').replace('http://127.0.0.1:1"', 'http://refusing"'))
}

await app.close()
await upstream.close()
