/** What a process and all that it has started have used, as the system counts it. */
import { readdir, readFile } from 'node:fs/promises'

export interface Usage {
  /** Nanoseconds of all threads since the start. */
  readonly cpu: number
  /** Resident bytes. */
  readonly memory: number
}

/** The unit of /proc/<pid>/stat, whatever the kernel's own. */
const TICK_NS = 1e7

/** undefined where there is no /proc. */
export async function usageOf (pids: readonly number[]): Promise<Usage | undefined> {
  const usages = await Promise.all(pids.map(usageOfOne))
  if (usages.some(usage => usage === undefined)) return undefined
  return { cpu: sum(usages.map(usage => usage?.cpu ?? 0)), memory: sum(usages.map(usage => usage?.memory ?? 0)) }
}

/** All that `pid` has started, and what they have, without itself. */
export async function descendantsOf (pid: number): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  const parents = await Promise.all(names.filter(name => /^\d+$/.test(name)).map(async name => [Number(name), await parentOf(name)] as const))
  const family = new Set([pid])
  for (let size = 0; size !== family.size;) {
    size = family.size
    for (const [child, parent] of parents) if (family.has(parent)) family.add(child)
  }
  family.delete(pid)
  return [...family]
}

async function usageOfOne (pid: number): Promise<Usage | undefined> {
  const [cpu, status] = await Promise.all([cpuOf(pid), readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')])
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
  return cpu === undefined || kibibytes === undefined ? undefined : { cpu, memory: Number(kibibytes) * 1024 }
}

/** By the scheduler's own clock, else by ticks. */
async function cpuOf (pid: number): Promise<number | undefined> {
  try {
    const threads = await readdir(`/proc/${pid}/task`)
    const spent = await Promise.all(threads.map(async thread => Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')).split(' ')[0])))
    return sum(spent)
  } catch {
    const fields = await statOf(pid)
    return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK_NS
  }
}

async function parentOf (pid: string): Promise<number> {
  return Number((await statOf(pid))?.[1] ?? -1)
}

/** The fields after the name, which may contain anything. */
async function statOf (pid: number | string): Promise<readonly string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function sum (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
