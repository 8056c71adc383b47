// A policy is a function: from the targets that may be used to the one that is. This one takes the fastest.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const far = Fastify().get('/*', async () => { await sleep(300); return 'far' })
const near = Fastify().get('/*', async () => 'near')
const targets = await Promise.all([far, near].map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

/** `latency` is smoothed, and undefined before the first answer, so that everyone is tried. */
function fastest (targets) {
  const latency = target => target.latency ?? 0
  return targets.reduce((best, target) => latency(target) < latency(best) ? target : best)
}

const app = Fastify()
await app.register(balancer, { prefix: '/api', targets, policy: fastest })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const answers = []
for (let i = 0; i < 8; i++) answers.push(await (await fetch(`${url}/api`)).text())
console.log(answers.join(' '))

await app.close()
await Promise.all([far, near].map(upstream => upstream.close()))
