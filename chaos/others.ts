import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Gateway, GatewayConfig, GatewayKind } from './gateway.js'
import { configurations, type OtherKind } from './configurations.js'
import { found } from './found.js'
import { freePort } from './free-port.js'

const KEEPER = fileURLToPath(new URL('keeper.js', import.meta.url))

/** Some systems keep servers out of the path of those who can not start them as services. */
const PATH = [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter)

/** How long one may take to listen, ms. */
const PATIENCE = 10_000

/** Characters of what it has said that are kept, for when it does not. */
const LAST_WORDS = 500

export async function isInstalled (kind: OtherKind): Promise<boolean> {
  const version = { nginx: '-v', haproxy: '-v', caddy: 'version' }[kind]
  return await promisify(execFile)(kind, [version], { env: { ...process.env, PATH } }).then(() => true, () => false)
}

export async function startOther (kind: Exclude<GatewayKind, 'fastify-balancer'>, config: GatewayConfig): Promise<Gateway> {
  const directory = await mkdtemp(join(tmpdir(), `chaos-${kind}-`))
  // A server that gives its rights up has to find its files all the same.
  await chmod(directory, 0o755)
  const port = await freePort()
  const { file, text, args } = configurations[kind]({ ...config, port, directory })
  await writeFile(join(directory, file), text)
  const keeper = spawn(process.execPath, [KEEPER, kind, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...process.env, PATH, HOME: directory }
  })
  let said = ''
  keeper.stderr?.on('data', data => { said = `${said}${data}`.slice(-LAST_WORDS) })
  const exited = once(keeper, 'exit')
  const end = async (): Promise<void> => {
    keeper.kill('SIGTERM')
    await exited
    await rm(directory, { recursive: true, force: true })
  }
  if (await found(async () => await accepts(port) || undefined, PATIENCE) === undefined) {
    await end()
    throw new Error(`${kind} does not listen: ${said.trim()}`)
  }
  return { kind, url: `http://127.0.0.1:${port}`, report: async () => undefined, end }
}

async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return await once(socket, 'connect').then(() => true, () => false).finally(() => { socket.destroy() })
}
