import { fileURLToPath, pathToFileURL } from 'node:url'
import { join } from 'node:path'
import type { Candidate, NodeCandidate, ServerCandidate, Setup } from './candidate.js'
import { CANDIDATES_FOLDER } from './candidates.js'
import { Process } from './process.js'
import { startServer } from './server.js'
import { descendantsOf, usageOf, type Usage } from './usage.js'

const PROGRAM = fileURLToPath(new URL('candidate-program.js', import.meta.url))

/** A candidate that runs. */
export interface Gateway {
  readonly url: string
  /** undefined when the system does not tell. */
  readonly usage: () => Promise<Usage | undefined>
  readonly end: () => Promise<void>
}

export async function startGateway (name: string, candidate: Candidate, setup: Setup, prefix: readonly string[]): Promise<Gateway> {
  return 'start' in candidate ? await startProgram(name, candidate, setup, prefix) : await startInstalled(candidate, setup, prefix)
}

async function startProgram (name: string, _candidate: NodeCandidate, setup: Setup, prefix: readonly string[]): Promise<Gateway> {
  const file = pathToFileURL(join(CANDIDATES_FOLDER, `${name}.js`)).href
  // What express and others take for a wish to be fast.
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = new Process({ prefix, command: process.execPath, args: [PROGRAM, file, JSON.stringify(setup)], env })
  return {
    url: await child.ready() as string,
    usage: async () => await usageOf([child.pid]) ?? await child.ask() as Usage,
    end: async () => { await child.end() }
  }
}

async function startInstalled (candidate: ServerCandidate, setup: Setup, prefix: readonly string[]): Promise<Gateway> {
  const server = await startServer(candidate.command, prefix, place => candidate.configure({ ...setup, ...place }))
  const pids = await descendantsOf(server.keeper)
  return {
    url: `http://127.0.0.1:${server.port}`,
    usage: async () => pids.length === 0 ? undefined : await usageOf(pids),
    end: server.end
  }
}
