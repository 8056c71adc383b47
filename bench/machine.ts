import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { Candidate } from './candidate.js'
import { versionOf } from './server.js'

export interface Machine {
  readonly system: string
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
}

export function machine (): Machine {
  return {
    system: `${platform()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node
  }
}

/** By candidate: what it is made of, in words. */
export async function versions (candidates: ReadonlyMap<string, Candidate>): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(await Promise.all([...candidates].map(async ([name, candidate]) => [
    name, 'command' in candidate ? await versionOf(candidate.command) : (await Promise.all(candidate.packages.map(packageVersion))).join(', ')
  ])))
}

async function packageVersion (name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as { version: string }
  return `${name} ${version}`
}

/** The commit that was measured, short; with a + when there were changes on top. Empty outside of a repository. */
export async function commit (): Promise<string> {
  const said = async (...args: string[]): Promise<string> => (await promisify(execFile)('git', args).catch(() => ({ stdout: '' }))).stdout.trim()
  const [hash, changes] = await Promise.all([said('rev-parse', '--short', 'HEAD'), said('status', '--porcelain', '--', 'lib')])
  return changes === '' ? hash : `${hash}+`
}
