import { readdir } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Workload } from './workload.js'

const FOLDER = new URL('workloads/', import.meta.url)

export type Workloads = ReadonlyMap<string, Workload>

/** Those of the document first, in its order; a new one comes after them. */
const FIRST = ['get-28b', 'get-1k', 'get-64k', 'get-1m', 'post-1k', 'post-1m', 'routes', 'tls', 'websocket', 'events', 'targets', 'policies', 'features', 'observing', 'logging']

export const orderOf = (name: string): number => FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length

/** Every file of the folder is one. */
export async function loadWorkloads (): Promise<Workloads> {
  const files = (await readdir(FOLDER)).map(file => ({ name: file.slice(0, -extname(file).length), file }))
    .sort((a, b) => orderOf(a.name) - orderOf(b.name) || a.name.localeCompare(b.name))
  const workloads = new Map<string, Workload>()
  for (const { name, file } of files) workloads.set(name, ((await import(new URL(file, FOLDER).href)) as { workload: Workload }).workload)
  return workloads
}
