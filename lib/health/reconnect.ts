import { jittered, sleep, type Clock } from '../clock.js'
import type { TlsSettings } from '../connector.js'
import type { Target } from '../target.js'
import { connectOnce } from './probes/tcp.js'

export interface ReconnectSettings {
  readonly clock: Clock
  readonly tls: TlsSettings
  /** Milliseconds from one try to the next. */
  readonly interval: number
  /** Milliseconds that one may take. */
  readonly timeout: number
}

/** Share of the interval by which it varies either way. */
const JITTER = 0.2

/**
 * Connects to a target that could not be connected to, over and over, until it can be: then somebody's request may find out
 * whether it is well, and does not have to find out that nobody is there (Finagle's FailFast). For `https:` the handshake is part
 * of it.
 *
 * @returns true once there is a connection, false when `signal` was aborted before
 */
export async function reconnected (target: Target, { clock, tls, interval, timeout }: ReconnectSettings, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    await sleep(clock, jittered(clock, interval, JITTER), signal)
    if (signal.aborted) return false
    // A signal for each: a socket never lets go of the one that it was made with.
    const attempt = new AbortController()
    const onAbort = (): void => { attempt.abort(signal.reason) }
    signal.addEventListener('abort', onAbort)
    try {
      await connectOnce(target, clock, { port: undefined, tls, timeout }, attempt.signal)
      return !signal.aborted
    } catch {
      // Not yet.
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
  return false
}
