import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { found } from '../chaos/found.js'
import { freePort } from '../chaos/free-port.js'
import type { Configuration } from '../chaos/configuration.js'
import type { Place, ServerCandidate } from './candidate.js'
import { Process } from './process.js'

export type Command = ServerCandidate['command']

/** Ends a server that could not notice that its parent has gone. */
const KEEPER = fileURLToPath(new URL('../chaos/keeper.js', import.meta.url))

/** Some systems keep servers out of the path of those who can not start them as services. */
const PATH = [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter)

/** How long one may take to listen, ms. */
const PATIENCE = 10_000

const directories = new Set<string>()
process.on('exit', () => { for (const directory of directories) rmSync(directory, { recursive: true, force: true }) })

/** A directory that is gone at the end, whatever ends this process. A server that gives its rights up finds its files there all the same. */
export async function temporaryDirectory (): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'))
  directories.add(directory)
  await chmod(directory, 0o755)
  return directory
}

export interface Server {
  readonly version: string
  readonly port: number
  /** Of the process whose children are the server. */
  readonly keeper: number
  readonly end: () => Promise<void>
}

/** A server that is installed on the machine, with a configuration of its own, once it listens. */
export async function startServer (command: Command, prefix: readonly string[], configure: (place: Place) => Configuration | Promise<Configuration>): Promise<Server> {
  const [directory, port, version] = await Promise.all([temporaryDirectory(), freePort(), versionOf(command)])
  const { file, text, args } = await configure({ port, directory })
  await writeFile(join(directory, file), text)
  // One thread each; those that have no option for it are told by the environment.
  const env = { ...process.env, PATH, HOME: directory, GOMAXPROCS: '1' }
  const child = new Process({ prefix, command: process.execPath, args: [KEEPER, command, ...args], env })
  if (await found(async () => await accepts(port) || undefined, PATIENCE) === undefined) {
    await child.end()
    throw new Error(`${command} does not listen: ${child.complaint}`)
  }
  return { version, port, keeper: child.pid, end: async () => { await child.end() } }
}

/** Name and number, as it says them itself. */
export async function versionOf (command: Command): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(command, [command === 'caddy' ? 'version' : '-v'], { env: { ...process.env, PATH } })
  return `${command} ${/\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? ''}`.trim()
}

async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return await once(socket, 'connect').then(() => true, () => false).finally(() => { socket.destroy() })
}
