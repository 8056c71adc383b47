/** What the tests of several workers share. */
import type { Line, Started } from './kit.js'
import { eventually } from '../workers/kit.js'

export interface Worker { readonly id: number, readonly pid: number, readonly state: string, readonly restarts: number }
interface Target { readonly url: string, readonly health?: string, readonly counters: { readonly answered: number } }
export interface Status { readonly reloads: number, readonly spare: boolean, readonly workers: readonly Worker[], readonly pools: Record<string, { readonly targets: readonly Target[] }> }

export async function status (gateway: Started): Promise<Status> {
  return await (await fetch(`${gateway.admin}/status`)).json() as Status
}

/** The workers that have forwarded something to a target, or to any. */
export function forwarders (lines: readonly Line[], url?: string): Set<unknown> {
  return new Set(lines.filter(({ msg, target }) => msg === 'request forwarded' && (url === undefined || target === url)).map(({ worker }) => worker))
}

/** Requests on connections of their own until it holds. */
export async function ask (gateway: Started, path: string, until: () => boolean): Promise<void> {
  await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await fetch(gateway.address + path, { headers: { connection: 'close' } })))
    await Promise.all(answers.map(async answer => await answer.text()))
    return until()
  })
}
