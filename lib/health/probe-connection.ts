import type { SecureContext } from 'node:tls'
import type { buildConnector } from 'undici'
import type { Clock } from '../clock.js'
import { Connection } from '../connection.js'
import { connector, type Place, type TlsSettings } from '../connector.js'

/**
 * Milliseconds that a connection may be idle between two probes. What is on the way to a target forgets connections after a few
 * minutes without a word, and with longer intervals a new one costs next to nothing. A server that says how long it keeps its own
 * is believed.
 */
const MOST_IDLE = 60_000

/** What there is of it at present. */
interface Present {
  /** Ends a socket that is being connected. */
  connecting: AbortController | undefined
  /** What the latest one was made with. */
  context: SecureContext | undefined
}

/** A connection for the probes of one target and nothing else. It is made when a request needs it, and made anew when it is gone. */
export class ProbeConnection extends Connection {
  readonly #tls: TlsSettings
  readonly #now: Present

  /**
   * @param keep whether it stays open after an answer
   * @param place where to connect to, when `origin` does not say so
   */
  constructor (origin: string, keep: boolean, clock: Clock, tls: TlsSettings, place?: Place) {
    // The base class needs it before there is a `this`.
    const now: Present = { connecting: undefined, context: tls.secureContext }
    super(origin, {
      connect: (options: buildConnector.Options, callback: buildConnector.Callback) => {
        // A signal for each: a socket never lets go of the one that it was made with.
        const connecting = new AbortController()
        now.connecting = connecting
        now.context = tls.secureContext
        // Whoever asks has the only deadline.
        connector(clock, 0, tls, connecting.signal, place)(options, (...result) => {
          now.connecting = undefined
          callback(...result)
        })
      },
      pipelining: keep ? 1 : 0,
      keepAliveTimeout: MOST_IDLE,
      keepAliveMaxTimeout: MOST_IDLE,
      keepAliveTimeoutThreshold: 0,
      headersTimeout: 0,
      bodyTimeout: 0
    }, clock)
    this.#tls = tls
    this.#now = now
  }

  /** Whether TLS files were read anew since it was made. */
  get outdated (): boolean { return this.#now.context !== this.#tls.secureContext }

  /** Closes it at once, however far it has come, and for good. */
  end (reason: Error): void {
    this.#now.connecting?.abort(reason)
    void this.destroy(reason)
  }
}
