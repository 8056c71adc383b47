// The pods of a Kubernetes service are the targets, while they come and go: here until they have changed once.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { kubernetes } from 'fastify-balancer/kubernetes'

// From $KUBECONFIG, ~/.kube/config or the pod that this runs in. Service and port: node kubernetes.js users http
const [service = 'users', port] = process.argv.slice(2)
const source = kubernetes({ service, port })

const app = Fastify()
await app.register(balancer, { name: 'users', prefix: '/api', targets: ['http://127.0.0.1:1'] })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const { users } = app.upstreams

let lists = 0
for await (const list of source(AbortSignal.timeout(60_000))) {
  const [staying, leaving] = [list.filter(({ draining }) => !draining), list.filter(({ draining }) => draining)]
  await users.set(staying)
  const answers = []
  for (let i = 0; i < staying.length; i++) answers.push(await (await fetch(`${url}/api`)).text())
  console.log(`${staying.length} ready, ${leaving.length} terminating: ${answers.sort().join(' ')}`)
  if (++lists === 2) break
}
await app.close()
