import type { Clock } from '../../clock.js'
import { connector, type TlsSettings } from '../../connector.js'
import type { Target } from '../../target.js'
import type { Probe } from '../probe.js'

/** What a tcp probe asks for. */
export interface TcpProbeOptions {
  /** Port instead of the target's own. */
  readonly port: number | undefined
  readonly tls: TlsSettings
  /** Milliseconds until the connection attempt is given up. */
  readonly timeout: number
}

/** Well is who accepts a connection, and for `https:` completes the TLS handshake. Nothing is sent. */
export function tcpProbe (clock: Clock, options: TcpProbeOptions): Probe {
  return async (target, _dispatcher, signal) => { await connectOnce(target, clock, options, signal) }
}

/** Connects and hangs up. Rejects with the reason when that can not be done. */
export async function connectOnce (target: Target, clock: Clock, { port, tls, timeout }: TcpProbeOptions, signal: AbortSignal): Promise<void> {
  const url = new URL(target.authority)
  const { place } = target
  const connect = connector(clock, timeout, tls, signal, place === undefined ? undefined : { ...place, port: String(port ?? place.port) })
  await new Promise<void>((resolve, reject) => {
    connect({
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      host: url.host,
      protocol: url.protocol,
      port: String(port ?? url.port)
    }, (error, socket) => {
      socket?.on('error', () => {}).destroy()
      if (error === null) resolve()
      else reject(error)
    })
  })
}
