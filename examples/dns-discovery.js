// Targets come from DNS: here from a source of one's own that asks a name server, as `dns` does with a real one.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { dns } from 'fastify-balancer/discovery'

const upstreams = ['a', 'b'].map(name => Fastify().get('/*', async request => `${name}, asked for as ${request.hostname}`))
const ports = await Promise.all(upstreams.map(async upstream => new URL(await upstream.listen({ port: 0, host: '127.0.0.1' })).port))

// With a name server at hand this is all there is to it.
export const real = dns({ name: 'api.internal', port: 3000, servers: ['10.0.0.53'], minTtl: 1000, maxTtl: 30_000 })

// An async generator is a source as well: each yield is the whole list.
const records = [[ports[0]], ports]
async function * replayed () {
  for (const answer of records) {
    yield answer.map(port => ({ url: `http://127.0.0.1:${port}`, host: 'api.internal' }))
    await sleep(200)
  }
  throw new Error('SERVFAIL')
}

const app = Fastify()
await app.register(balancer, { name: 'api', prefix: '/api', discovery: replayed })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const { api } = app.upstreams

const ask = async () => (await fetch(`${url}/api`)).text()
console.log(`one: ${await ask()}`)
while (api.targets.length < 2) await sleep(5)
console.log(`two: ${[await ask(), await ask()].sort().join('; ')}`)
while (api.discovery.failure === undefined) await sleep(5)
console.log(`${api.discovery.failure}: still ${api.targets.length}`)

await app.close()
await Promise.all(upstreams.map(upstream => upstream.close()))
