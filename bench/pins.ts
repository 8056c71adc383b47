import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

/** What goes before a command so that it runs where it should; empty where there is no `taskset`. */
export interface Pins {
  /** One core, for the gateway that is measured. */
  readonly gateway: readonly string[]
  /** All other cores, for the load and the upstream. */
  readonly others: readonly string[]
  /** For the reader of the figures. */
  readonly words: string
}

export async function findPins (): Promise<Pins> {
  const cores = await allowedCores()
  const [first, ...others] = cores
  if (first === undefined) return { gateway: [], others: [], words: 'not pinned: there is no taskset' }
  if (others.length === 0) return { gateway: [], others: [], words: 'not pinned: there is one core' }
  const rest = others.join(',')
  return {
    gateway: ['taskset', '-c', String(first)],
    others: ['taskset', '-c', rest],
    words: `gateway on core ${first}, load and upstream on ${others.length === 1 ? `core ${rest}, which they share` : `cores ${rest}`}`
  }
}

/** The cores that this process may use; none when that can not be told. */
async function allowedCores (): Promise<readonly number[]> {
  if (availableParallelism() < 2) return [0]
  const said = await promisify(execFile)('taskset', ['-cp', String(process.pid)]).then(({ stdout }) => stdout, () => '')
  return readCores(said.slice(said.lastIndexOf(':') + 1).trim())
}

/** `0,2-4` as 0, 2, 3, 4. */
export function readCores (list: string): readonly number[] {
  return list.split(',').flatMap(range => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    if (from === undefined) return []
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
  })
}
