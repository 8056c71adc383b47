// The pods of a Kubernetes service are the targets, while they come and go: here until they have changed once.
import { once } from 'node:events'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { kubernetes } from 'fastify-balancer/kubernetes'

// From $KUBECONFIG, ~/.kube/config or the pod that this runs in. Service and port: node kubernetes.js users http
const [service = 'users', port] = process.argv.slice(2)
const changes = new EventTarget()
const changed = () => { changes.dispatchEvent(new Event('change')) }

// The client is large: loading it takes a while.
const app = Fastify({ pluginTimeout: 60_000 })
await app.register(balancer, {
  name: 'users', prefix: '/api', discovery: kubernetes({ service, port }), discoveryTimeout: 30_000, observers: [{ joined: changed, left: changed, healthChanged: changed }]
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

async function show () {
  const { targets } = app.upstreams.users
  const ready = targets.filter(({ health }) => health === 'up')
  const answers = []
  for (let i = 0; i < ready.length; i++) answers.push(await (await fetch(`${url}/api`)).text())
  console.log(`${ready.length} ready, ${targets.length - ready.length} terminating: ${answers.sort().join(' ')}`)
}

const change = once(changes, 'change')
await show()
await change
await show()
await app.close()
