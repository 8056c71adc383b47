import { buildConnector, Client, errors, type Dispatcher } from 'undici'
import type { Clock } from './clock.js'

/** How TLS connections to upstreams are made. Certificates are always verified unless told otherwise. */
export interface TlsOptions {
  /** Certificate authorities to trust, as PEM, instead of the system's. */
  readonly ca?: string | Buffer | ReadonlyArray<string | Buffer>
  /** The gateway's own certificate, as PEM, for mutual TLS. */
  readonly cert?: string | Buffer
  /** The private key of `cert`, as PEM. */
  readonly key?: string | Buffer
  /** Server name to ask for and to verify. Default: the target's host name. */
  readonly servername?: string
  /** `false` accepts any certificate. Default: true. */
  readonly rejectUnauthorized?: boolean
}

/**
 * undici's connector with a deadline that is kept to the millisecond: undici's own is looked at every half second, which
 * would add up to a second to every failover from a black hole. The abandoned socket is left to undici's.
 *
 * @param timeout in milliseconds; 0 waits for as long as the system does
 * @param signal closes every socket that was asked for, however far its connection has come
 */
export function connector (clock: Clock, timeout: number, tls: TlsOptions, signal?: AbortSignal): buildConnector.connector {
  // undici types these options as a union in which no member has TLS fields alone.
  const open = buildConnector({ rejectUnauthorized: true, ...tls, timeout, ...(signal === undefined ? undefined : { signal }) } as buildConnector.BuildOptions)
  const connect: buildConnector.connector = signal === undefined
    ? open
    : (options, callback) => {
        // Node connects a socket all the same when its signal was aborted before, and then never closes it.
        if (signal.aborted) callback(signal.reason as Error, null)
        else open(options, callback)
      }
  if (timeout === 0) return connect

  return (options, callback) => {
    let late = false
    const cancel = clock.after(timeout, () => {
      late = true
      callback(new errors.ConnectTimeoutError(), null)
    })
    connect(options, (error, socket) => {
      cancel()
      if (late) socket?.destroy()
      else if (error === null) callback(null, socket)
      else callback(error, null)
    })
  }
}

/**
 * One connection of a pool of undici's.
 *
 * That pool takes a client which turned a request down (a field that it will not write) for a busy one, and waits for a
 * `drain` that never comes: each such request would cost a connection for good. An empty client is not busy.
 */
export class Connection extends Client {
  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, handler) || (this.stats.size === 0 && !this.closed && !this.destroyed)
  }
}
