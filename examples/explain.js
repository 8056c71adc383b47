// Why a request went where it went, asked by a client that may know, and where the next one would go.
import Fastify from 'fastify'
import balancer, { explainText } from 'fastify-balancer'

const upstream = Fastify().get('/*', async () => 'hello')
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
await app.register(balancer, {
  name: 'users',
  prefix: '/users',
  targets: ['http://127.0.0.1:1', target],
  policy: 'first',
  explain: request => request.ip === '127.0.0.1'
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const { headers } = await fetch(`${url}/users/42`, { headers: { 'x-balancer-explain': 'json' } })
for (const step of JSON.parse(headers.get('x-balancer-explanation')).steps) {
  if (step.step === 'pick') console.log(`picked ${name(step.picked)}: it ${step.because}`)
  else if (step.step === 'attempt') console.log(`attempt ${step.number}: ${step.outcome}`)
  else console.log(`decided: ${step.decision}`)
}

app.upstreams.users.drain('http://127.0.0.1:1')
console.log(name(explainText(app.upstreams.users.explain({ path: '/42' })).split('\n')[1]))

function name (text) { return text.replaceAll(target, 'b').replaceAll('http://127.0.0.1:1', 'a') }

await app.close()
await upstream.close()
