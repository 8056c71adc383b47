// Requests with the same key go to the same target, and stay there when another target leaves.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const upstreams = ['a', 'b', 'c'].map(name => Fastify().get('/*', async () => name))
const targets = await Promise.all(upstreams.map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, {
  prefix: '/api',
  targets,
  policy: { name: 'hash', key: { header: 'x-user' } }
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

async function ask () {
  for (const user of ['ada', 'ben', 'cleo', 'dora', 'emil', 'fay']) {
    const answers = []
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${url}/api`, { headers: { 'x-user': user } })
      answers.push(await response.text())
    }
    console.log(`${user}: ${answers.join(' ')}`)
  }
}

await ask()
await app.upstreams.api.remove(targets[2])
console.log('c has left')
await ask()

await app.close()
await Promise.all(upstreams.map(upstream => upstream.close()))
