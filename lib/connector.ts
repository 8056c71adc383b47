import { isIP, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { buildConnector, errors } from 'undici'
import type { Clock } from './clock.js'

/** What TLS connections to the targets of a pool are made with. Certificates are always verified unless told otherwise. */
export interface TlsSettings {
  /** Name to ask for and to verify. Default: the target's host, which is only asked for when it is a name. */
  readonly servername?: string | undefined
  /** `false` accepts any certificate. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Authorities, certificate and key; another one from the moment that files are read anew. Default: Node's authorities and no certificate. */
  readonly secureContext?: SecureContext | undefined
}

/** Where to connect to, when that is not where the URL says. */
export interface Place {
  readonly hostname: string
  readonly port: string
}

/**
 * undici's connector with a deadline that is kept to the millisecond: undici's own is looked at every half second, which
 * would add up to a second to every failover from a black hole. The abandoned socket is left to undici's.
 *
 * It is for one target only: the sessions that it keeps for resumption are bound to whom they were agreed on with.
 *
 * @param timeout in milliseconds; 0 waits for as long as the system does
 * @param signal closes sockets that are being connected
 * @param place takes the place of host and port of the URL, whose name is still the one that TLS goes by
 */
export function connector (clock: Clock, timeout: number, tls: TlsSettings, signal?: AbortSignal, place?: Place): buildConnector.connector {
  let context: SecureContext | undefined
  let open: Opener | undefined
  const connect: buildConnector.connector = (options, callback) => {
    // Node connects a socket all the same when its signal was aborted before, and then never closes it.
    if (signal?.aborted === true) {
      callback(signal.reason as Error, null)
      return
    }
    // A resumed session is not verified again and shows the certificate of old, so sessions go with their context.
    if (open === undefined || context !== tls.secureContext) {
      context = tls.secureContext
      open = options.protocol === 'https:' ? opener(timeout, tls) : plain(timeout)
    }
    // undici asks for the name in the request's Host, which may be the client's choice.
    const { servername: _, ...rest } = options
    const servername = tls.servername ?? serverName(options.hostname)
    // Not left to Node, whose sockets hold on to a signal, and to a dozen functions for it, for as long as they live.
    const abort = (): void => { connecting.destroy(signal?.reason as Error) }
    signal?.addEventListener('abort', abort)
    const connecting = open({ ...rest, ...place, ...(servername === undefined ? undefined : { servername }) }, (error, socket) => {
      signal?.removeEventListener('abort', abort)
      // undici leaves the socket out where its types promise null.
      if (error === null) callback(null, socket)
      else callback(error, null)
    })
  }
  if (timeout === 0) return connect

  return (options, callback) => {
    let late = false
    const cancel = clock.after(timeout, () => {
      late = true
      callback(new errors.ConnectTimeoutError(), null)
    })
    connect(options, (...result) => {
      cancel()
      if (late) result[1]?.destroy()
      else callback(...result)
    })
  }
}

/** What undici's connector is besides what its types say. */
type Opener = (...args: Parameters<buildConnector.connector>) => Socket

function opener (timeout: number, { rejectUnauthorized = true, secureContext }: TlsSettings): Opener {
  // undici types these options as a union in which no member has TLS fields alone.
  return buildConnector({
    // Said even when it is true: without it NODE_TLS_REJECT_UNAUTHORIZED would decide.
    rejectUnauthorized,
    timeout,
    ...(secureContext === undefined ? undefined : { secureContext })
  } as buildConnector.BuildOptions) as Opener
}

/** By timeout. What has no sessions to keep can be one for all targets. */
const plainOpeners = new Map<number, Opener>()

function plain (timeout: number): Opener {
  let open = plainOpeners.get(timeout)
  if (open === undefined) plainOpeners.set(timeout, open = buildConnector({ timeout, maxCachedSessions: 0 }) as Opener)
  return open
}

/** What TLS calls a host: without the dot of the root (RFC 6066 section 3). Undefined for an address, which is never asked for. */
function serverName (hostname: string): string | undefined {
  return isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : undefined
}
