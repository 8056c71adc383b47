// Targets come and go while the gateway runs. One that leaves finishes what it has begun.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const upstreams = ['a', 'b'].map(name => Fastify().get('/*', async () => { await sleep(50); return name }))
const [a, b] = await Promise.all(upstreams.map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, { name: 'api', prefix: '/api', targets: [a] })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const pool = app.upstreams.api

async function ask () {
  const answers = []
  for (let i = 0; i < 4; i++) answers.push(await (await fetch(`${url}/api`)).text())
  return answers.sort().join(' ')
}

console.log(`only a: ${await ask()}`)

pool.add(b)
console.log(`b has joined: ${await ask()}`)

pool.drain(b)
console.log(`b is ${pool.targets[1].health}: ${await ask()}`)
pool.drain(b, false)

const underWay = Promise.all([fetch(`${url}/api`), fetch(`${url}/api`)])
while (pool.targets[0].inFlight === 0) await sleep(1)
await pool.remove(a)
const statuses = (await underWay).map(response => response.status)
console.log(`a has left, what was under way got ${statuses.join(' and ')}: ${await ask()}`)

await app.close()
await Promise.all(upstreams.map(upstream => upstream.close()))
