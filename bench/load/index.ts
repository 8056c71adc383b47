import { fileURLToPath } from 'node:url'
import { Process } from '../process.js'
import type { Load, Measured, Plan, Prepared } from './load.js'
import { runWrk, wrkVersion } from './wrk.js'

export const LOADS = ['wrk', 'autocannon'] as const
export type LoadName = typeof LOADS[number]

/** What makes the load of each kind of plan that wrk has no part in. */
const PROGRAMS = { http: 'autocannon-program.js', websocket: 'websocket-program.js', events: 'events-program.js' } as const

/** wrk where it is installed and nothing else is wished for. `directory` is for its files. */
export async function findLoad (wish: LoadName | undefined, place: { prefix: readonly string[], directory: string }): Promise<Load> {
  const version = wish === 'autocannon' ? undefined : await wrkVersion()
  if (wish === 'wrk' && version === undefined) throw new Error('wrk is not installed')
  return {
    name: version === undefined ? 'autocannon' : `wrk ${version}`,
    prepare: async (url, plan) => version !== undefined && plan.kind === 'http'
      ? { run: async seconds => await runWrk(url, plan, Math.max(1, Math.round(seconds)), place), end: async () => {} }
      : await prepareProgram(url, plan, place.prefix)
  }
}

async function prepareProgram (url: string, plan: Plan, prefix: readonly string[]): Promise<Prepared> {
  const program = fileURLToPath(new URL(PROGRAMS[plan.kind], import.meta.url))
  const child = new Process({ prefix, command: process.execPath, args: [program, url, JSON.stringify(plan)] })
  await child.ready()
  return {
    run: async seconds => await child.ask({ seconds }) as Measured,
    end: async () => { await child.end('SIGKILL') }
  }
}
