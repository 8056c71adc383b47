import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isInstalled } from '../chaos/others.js'
import type { Candidate } from './candidate.js'

export const CANDIDATES_FOLDER = fileURLToPath(new URL('candidates', import.meta.url))

export type Candidates = ReadonlyMap<string, Candidate>

/** What this plugin is called as a candidate. */
export const OURS = 'ours'

/** In the order of the tables: ours, what it is compared with, the floors with reply-from and without, and the others by name. */
const FIRST = [OURS, 'reply-from', 'reply-from-whole', 'raw']

const orderOf = (name: string): number => FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length

/** Every file of the folder is one, whether it can run here or not. */
export async function candidateFiles (): Promise<ReadonlyArray<{ readonly name: string, readonly file: string }>> {
  const files = await readdir(CANDIDATES_FOLDER)
  return files.map(file => ({ name: file.slice(0, -extname(file).length), file: join(CANDIDATES_FOLDER, file) }))
    .sort((a, b) => orderOf(a.name) - orderOf(b.name) || a.name.localeCompare(b.name))
}

/** Those of these names that can run here. */
export async function loadCandidates (names: readonly string[]): Promise<Candidates> {
  const candidates = new Map<string, Candidate>()
  for (const { name, file } of await candidateFiles()) {
    if (!names.includes(name)) continue
    const candidate = ((await import(pathToFileURL(file).href)) as { default: Candidate }).default
    if ('start' in candidate || await isInstalled(candidate.command)) candidates.set(name, candidate)
  }
  return candidates
}
