// Two gateways share one limit through Redis. Needs a Redis server: REDIS_URL=redis://127.0.0.1:6379 node rate-limit-with-redis.js
import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { Redis } from 'ioredis'

const upstream = Fastify().get('/*', async () => 'here you are')
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })
const nameSpace = `example-${randomUUID()}-`

async function gateway () {
  // A command fails at once while there is no connection, and is never sent twice: the limit is what requests wait for.
  const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true })
  redis.on('error', error => console.error('Redis:', error.message))
  await redis.connect()
  const app = Fastify()
  app.addHook('onClose', async () => redis.disconnect())
  await app.register(rateLimit, { max: 5, timeWindow: '1 minute', redis, nameSpace, skipOnError: true })
  await app.register(balancer, { prefix: '/api', targets: [target] })
  return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

const gateways = [await gateway(), await gateway()]
const statuses = []
for (let i = 0; i < 10; i++) statuses.push((await fetch(`${gateways[i % 2].url}/api/x`)).status)
console.log(statuses.join(' '))

for (const { app } of gateways) await app.close()
await upstream.close()
