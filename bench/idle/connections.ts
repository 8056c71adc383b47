/** Clients that have asked once and stay. */
import { setTimeout as sleep } from 'node:timers/promises'
import { closeClients, openClients } from './clients.js'
import type { Finding } from './finding.js'
import { startGateway, startUpstream, withPrograms, type Program } from './process.js'

export interface ConnectionsOptions {
  readonly index: string
  readonly connections: number
}

const MOST_KB = 15
const WARM_UPS = 10

export async function idleConnections ({ index, connections }: ConnectionsOptions): Promise<readonly Finding[]> {
  return await withPrograms(async keep => {
    const { port } = await keep(startUpstream())
    const start = async (registrations: readonly object[] | undefined): Promise<Program> => await keep(startGateway({ index, registrations, collects: true }))
    const [ours, plain] = await Promise.all([start([{ prefix: '/', targets: [`http://127.0.0.1:${port}`] }]), start(undefined)])
    const cost = await costOf(ours, connections)
    const { held } = await costOf(plain, connections)
    return [{
      what: `each of ${connections} idle connections of clients`,
      found: cost.rss,
      limit: MOST_KB,
      unit: 'KB',
      besides: `of which ${cost.held.toFixed(2)} KB are held; a Fastify that answers by itself holds ${held.toFixed(2)} KB`
    }]
  })
}

/** KB for each connection. */
async function costOf (gateway: Program, connections: number): Promise<{ readonly rss: number, readonly held: number }> {
  // Few, so that code is compiled, and no memory is left behind that the others would find free.
  for (let i = 0; i < WARM_UPS; i++) await closeClients(await openClients(gateway.port, Math.min(50, connections)))
  await sleep(500)
  const before = await gateway.usage()
  const clients = await openClients(gateway.port, connections)
  const after = await gateway.usage()
  await closeClients(clients)
  return { rss: (after.rss - before.rss) / connections / 1000, held: (after.held - before.held) / connections / 1000 }
}
