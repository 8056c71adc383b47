// A gateway with as many routes and targets as it is told, which says on demand what it has used so far.
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import Fastify from 'fastify'

/** What finalizers let go of is only freed by the next collection. */
const COLLECTIONS = 4

const { index, registrations } = JSON.parse(process.argv[2] ?? '{}')

const app = Fastify()
if (registrations === undefined) {
  app.get('/*', async (request, reply) => reply.type('application/json').send('{}'))
} else {
  const { default: balancer } = await import(index)
  for (const options of registrations) await app.register(balancer, options)
}
await app.listen({ port: 0, host: '127.0.0.1' })

process.on('message', async what => {
  const { user, system } = process.cpuUsage()
  if (what === 'cpu' || globalThis.gc === undefined) {
    process.send?.({ cpu: user + system })
    return
  }
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc()
    await sleep(50)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.physical_space_size ?? 0
  process.send?.({ cpu: user + system, rss, held: heapUsed + external, young })
})
process.once('disconnect', () => { process.exit() })
process.send?.({ port: app.server.address().port })
