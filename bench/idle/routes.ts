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
  /** Prefixes that it is asked for, in turn. */
  readonly asked: readonly string[]
  readonly clients: readonly Socket[]
  /** Microseconds of processor time per request, one figure per round. */
  readonly costs: number[]
}

export async function manyRoutes ({ index, routes, rounds, requests }: RoutesOptions): Promise<readonly Finding[]> {
  return await withPrograms(async keep => {
    const { port } = await keep(startUpstream())
    const targets = [`http://127.0.0.1:${port}`]
    const prefixes = Array.from({ length: routes }, (_, i) => `/service-${String(i).padStart(4, '0')}`)
    const start = async (prefixes: readonly string[], asked: readonly string[], poolOf: (prefix: string) => string): Promise<Candidate> => {
      const pools = Object.fromEntries(prefixes.map(prefix => [poolOf(prefix), { targets }]))
      const registrations = [{ pools, routes: prefixes.map(prefix => ({ prefix, pool: poolOf(prefix) })) }]
      const gateway = await keep(startGateway({ index, registrations: [...registrations, { name: 'rest', prefix: '/', targets }], collects: false }))
      return { gateway, asked, clients: await openClients(gateway.port, CLIENTS), costs: [] }
    }
    const byPool = (prefix: string): string => prefix.slice(1)
    const first = prefixes.slice(0, 1)
    // Each is asked for one thing only: what the others leave behind, such as connections that close, is not its cost.
    const [one, many, pools, manyInTurn, poolsInTurn] = await Promise.all([
      start(first, first, () => 'one'),
      start(prefixes, first, () => 'one'), start(prefixes, first, byPool),
      start(prefixes, prefixes, () => 'one'), start(prefixes, prefixes, byPool)
    ])
    const candidates = [one, many, pools, manyInTurn, poolsInTurn]
    // The first round is for the compiler.
    for (let round = 0; round <= rounds; round++) {
      for (let turn = 0; turn < candidates.length; turn++) {
        const candidate = candidates[(turn + round) % candidates.length]
        if (candidate === undefined) continue
        const cost = await costOf(candidate, requests)
        if (round > 0) candidate.costs.push(cost)
      }
    }
    for (const { clients } of candidates) await closeClients(clients)
    const more = ({ costs }: Candidate): number => (median(ratios(costs, one.costs)) - 1) * 100
    // A hundred routes in turn find nothing of theirs in the processor's caches, and a hundred pools have a hundred connections: that is
    // what such traffic costs whoever forwards it, and not what routes cost that are merely there.
    const besides = (inTurn: Candidate): string => `${signed(more(inTurn))} % when all are asked in turn`
    return [
      { what: `processor time per request to a route that is one of ${routes}, over one`, found: more(many), limit: MOST_PERCENT, unit: '%', besides: besides(manyInTurn) },
      { what: `the same with a pool for each of ${routes} routes`, found: more(pools), limit: MOST_PERCENT, unit: '%', besides: besides(poolsInTurn) }
    ]
  })
}

function signed (percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)}`
}

async function costOf ({ gateway, asked, clients }: Candidate, requests: number): Promise<number> {
  const { cpu } = await gateway.usage()
  let sent = 0
  await Promise.all(clients.map(async client => {
    while (sent < requests) {
      const prefix = asked[sent++ % asked.length] ?? ''
      await request(client, `${prefix}/users/42`)
    }
  }))
  return ((await gateway.usage()).cpu - cpu) / sent
}
