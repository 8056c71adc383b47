/** Many routes, and many pools, beside one. */
import type { Socket } from 'node:net'
import { median, ratios } from '../statistics.js'
import { closeClients, openClients, request } from './clients.js'
import type { Finding } from './finding.js'
import { startGateway, startUpstream, withPrograms, type Program } from './process.js'

export interface RoutesOptions {
  readonly index: string
  readonly routes: number
  readonly rounds: number
  /** Per round and gateway. */
  readonly requests: number
}

const MOST_PERCENT = 3
const CLIENTS = 16

interface Candidate {
  readonly gateway: Program
  readonly clients: readonly Socket[]
  /** Microseconds of processor time per request, one figure per round. */
  readonly costs: number[]
}

export async function manyRoutes ({ index, routes, rounds, requests }: RoutesOptions): Promise<readonly Finding[]> {
  return await withPrograms(async keep => {
    const { port } = await keep(startUpstream())
    const targets = [`http://127.0.0.1:${port}`]
    const prefixes = Array.from({ length: routes }, (_, i) => `/service-${String(i).padStart(4, '0')}`)
    const start = async (prefixes: readonly string[], poolOf: (prefix: string) => string): Promise<Candidate> => {
      const pools = Object.fromEntries(prefixes.map(prefix => [poolOf(prefix), { targets }]))
      const registrations = [{ pools, routes: prefixes.map(prefix => ({ prefix, pool: poolOf(prefix) })) }]
      const gateway = await keep(startGateway({ index, registrations: [...registrations, { name: 'rest', prefix: '/', targets }], collects: false }))
      return { gateway, clients: await openClients(gateway.port, CLIENTS), costs: [] }
    }
    const [one, many, pools] = await Promise.all([
      start(prefixes.slice(0, 1), () => 'one'), start(prefixes, () => 'one'), start(prefixes, prefix => prefix.slice(1))
    ])
    const candidates = [{ ...one, prefixes: prefixes.slice(0, 1) }, { ...many, prefixes }, { ...pools, prefixes }]
    // The first round is for the compiler.
    for (let round = 0; round <= rounds; round++) {
      for (let turn = 0; turn < candidates.length; turn++) {
        const candidate = candidates[(turn + round) % candidates.length]
        if (candidate === undefined) continue
        const cost = await costOf(candidate, candidate.prefixes, requests)
        if (round > 0) candidate.costs.push(cost)
      }
    }
    for (const { clients } of candidates) await closeClients(clients)
    const more = ({ costs }: Candidate): number => (median(ratios(costs, one.costs)) - 1) * 100
    const besides = ({ costs }: Candidate): string => `${median(costs).toFixed(0)} µs per request, ${median(one.costs).toFixed(0)} with one`
    return [
      { what: `processor time per request with ${routes} routes, over one`, found: more(many), limit: MOST_PERCENT, unit: '%', besides: besides(many) },
      { what: `the same with a pool for each of ${routes} routes`, found: more(pools), limit: MOST_PERCENT, unit: '%', besides: besides(pools) }
    ]
  })
}

async function costOf ({ gateway, clients }: Candidate, prefixes: readonly string[], requests: number): Promise<number> {
  const { cpu } = await gateway.usage()
  let sent = 0
  await Promise.all(clients.map(async client => {
    while (sent < requests) {
      const prefix = prefixes[sent++ % prefixes.length] ?? ''
      await request(client, `${prefix}/users/42`)
    }
  }))
  return ((await gateway.usage()).cpu - cpu) / sent
}
