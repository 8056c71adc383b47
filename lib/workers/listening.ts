import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Whether several sockets may listen on one port, among which the system spreads connections. Elsewhere than on Linux that
 * is either not so or not known.
 */
export const REUSE_PORT = process.platform === 'linux' && hasReusePort(process.versions.node)

/** `reusePort` of `server.listen` came with Node 23.1 and 22.12. */
export function hasReusePort (version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/**
 * Options of `listen` for a worker: with `reusePort` where there is such a thing. Without, workers share a socket that belongs to the
 * primary. So they do for port 0, of which each worker would otherwise get one of its own.
 */
export function sharedListen<Options extends { readonly port?: number | undefined }> (options: Options): Options & { readonly reusePort?: true } {
  return REUSE_PORT && options.port !== undefined && options.port !== 0 ? { ...options, reusePort: true } : options
}

/**
 * For a primary, before it has workers: with `reusePort` nobody would notice that another process of the same user has the port.
 *
 * @throws Error as `listen` does, with `EADDRINUSE`, when somebody else listens there
 */
export async function assertPortFree (options: { readonly port: number, readonly host?: string | undefined }): Promise<void> {
  const server = createServer()
  server.listen({ ...options, exclusive: true })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
