// A target whose probes fail gets no requests until they succeed again.
import { EventEmitter, once } from 'node:events'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

let ill = false
const a = Fastify().get('/healthz', async () => 'ok').get('/*', async () => 'a')
const b = Fastify().get('/healthz', async (_, reply) => reply.code(ill ? 503 : 200).send('')).get('/*', async () => 'b')
const targets = await Promise.all([a, b].map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const changes = new EventEmitter()
const app = Fastify()
await app.register(balancer, {
  prefix: '/api',
  targets,
  health: { path: '/healthz', interval: 50, rise: 2, fall: 3 },
  observers: [{ healthChanged: (target, was, reason) => changes.emit(target.health, was, reason) }]
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

async function ask () {
  const answers = []
  for (let i = 0; i < 4; i++) answers.push(await (await fetch(`${url}/api`)).text())
  return answers.sort().join(' ')
}

console.log(`both are well: ${await ask()}`)
for (const [health, illness] of [['down', true], ['up', false]]) {
  ill = illness
  const [was, reason] = await once(changes, health)
  console.log(`b was ${was} and is ${health}, ${reason}: ${await ask()}`)
}

await app.close()
await Promise.all([a, b].map(upstream => upstream.close()))
