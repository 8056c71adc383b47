import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"
import { dns, file } from "file:///work/main/lib/discovery/index.ts"

const app = Fastify()
const targets = ['http://127.0.0.1:38073']
await app.register(balancer, {
  pools: {
    own: {
      async * discovery (signal) {
        yield [{ url: 'http://127.0.0.1:38073', weight: 2 }, { url: 'http://127.0.0.1:36553', draining: 'maintenance' }]
      }
    },
    file: { targets, discoveryTimeout: 100, discovery: file({ path: '/work/main/test/kit/tls/targets.yaml' }) },
    dns: { targets, discoveryTimeout: 100, discovery: dns({ name: 'api.internal', port: 3000 }) }
  },
  routes: [{ prefix: '/own', pool: 'own' }, { prefix: '/file', pool: 'file' }, { prefix: '/dns', pool: 'dns' }]
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
