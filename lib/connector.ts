import { isIP } from 'node:net'
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
 * @param signal closes every socket that was asked for, however far its connection has come
 * @param place takes the place of host and port of the URL, whose name is still the one that TLS goes by
 */
export function connector (clock: Clock, timeout: number, tls: TlsSettings, signal?: AbortSignal, place?: Place): buildConnector.connector {
  let context: SecureContext | undefined
  let open: buildConnector.connector | undefined
  const connect: buildConnector.connector = (options, callback) => {
    // Node connects a socket all the same when its signal was aborted before, and then never closes it.
    if (signal?.aborted === true) {
      callback(signal.reason as Error, null)
      return
    }
    // A resumed session is not verified again and shows the certificate of old, so sessions go with their context.
    if (open === undefined || context !== tls.secureContext) {
      context = tls.secureContext
      open = opener(timeout, tls, signal)
    }
    // undici asks for the name in the request's Host, which may be the client's choice.
    const { servername: _, ...rest } = options
    const servername = tls.servername ?? serverName(options.hostname)
    open({ ...rest, ...place, ...(servername === undefined ? undefined : { servername }) }, (error, socket) => {
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

function opener (timeout: number, { rejectUnauthorized = true, secureContext }: TlsSettings, signal: AbortSignal | undefined): buildConnector.connector {
  // undici types these options as a union in which no member has TLS fields alone.
  return buildConnector({
    // Said even when it is true: without it NODE_TLS_REJECT_UNAUTHORIZED would decide.
    rejectUnauthorized,
    timeout,
    ...(secureContext === undefined ? undefined : { secureContext }),
    ...(signal === undefined ? undefined : { signal })
  } as buildConnector.BuildOptions)
}

/** What TLS calls a host: without the dot of the root (RFC 6066 section 3). Undefined for an address, which is never asked for. */
function serverName (hostname: string): string | undefined {
  return isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : undefined
}
