// When some requests take much longer than others, the least busy target is a better choice than the next one.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const fast = Fastify().get('/*', async () => 'fast')
const slow = Fastify().get('/*', async () => { await sleep(300); return 'slow' })
const targets = await Promise.all([fast, slow].map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
for (const policy of ['round-robin', 'least-requests']) {
  await app.register(balancer, { prefix: `/${policy}`, targets, policy })
}
const url = await app.listen({ port: 0, host: '127.0.0.1' })

for (const policy of ['round-robin', 'least-requests']) {
  const answers = { fast: 0, slow: 0 }
  let left = 12
  // Two clients, each sending its next request when it has the answer to its last.
  const client = async () => {
    while (left-- > 0) answers[await (await fetch(`${url}/${policy}`)).text()]++
  }
  await Promise.all([client(), client()])
  console.log(`${policy}: ${answers.fast} fast, ${answers.slow} slow`)
}

await app.close()
await Promise.all([fast, slow].map(upstream => upstream.close()))
