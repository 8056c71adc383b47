// The status API says which target is sick and why, and lets an operator who may act drain one.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { status } from 'fastify-balancer/status'

const well = Fastify().get('/*', async () => 'well')
const sick = Fastify().get('/*', async (_request, reply) => reply.code(500).send('sick'))
const targets = await Promise.all([well, sick].map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))
const nameOf = target => target === targets[0] ? 'well' : 'sick'

const app = Fastify()
await app.register(balancer, { name: 'api', prefix: '/api', targets, breaker: { consecutive: 2 } })
await app.register(status, {
  prefix: '/_balancer',
  onRequest: async (request, reply) => {
    if (request.headers.authorization !== 'Bearer s3cret') return reply.code(401).send({ error: 'who are you?' })
  },
  dashboard: false
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const headers = { authorization: 'Bearer s3cret', 'content-type': 'application/json' }

console.log(`stranger: ${(await fetch(`${url}/_balancer/api/state`)).status}`)
for (let i = 0; i < 4; i++) await fetch(`${url}/api`)
const { problems } = await (await fetch(`${url}/_balancer/api/state`, { headers })).json()
for (const { target, words } of problems) console.log(`${nameOf(target)} is ${words.replace(/\d+ m?s/g, 'a while')}`)

const drained = await fetch(`${url}/_balancer/api/pools/api/drain`, { method: 'POST', headers, body: JSON.stringify({ target: targets[1] }) })
console.log(`drain: ${drained.status}, sick is ${(await drained.json()).health}`)

await app.close()
await Promise.all([well, sick].map(upstream => upstream.close()))
