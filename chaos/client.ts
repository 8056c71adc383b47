import { buildConnector, Pool } from 'undici'

export type Method = 'GET' | 'POST'

/** What one request came to. */
export interface Answer {
  readonly number: number
  readonly method: Method
  /** Absent when no headers came. */
  readonly status?: number
  /** Name of the upstream that has answered. */
  readonly upstream?: string
  /** Seconds, as the gateway has sent it. */
  readonly retryAfter?: string
  /** The code in the body of a gateway's own answer. */
  readonly code?: string
  /** Why there was no whole answer. */
  readonly error?: string
  /** Never sent: it would have needed a new connection, and there were to be none. */
  readonly withheld: boolean
  /** Milliseconds from the time at which it was due. */
  readonly ms: number
}

export interface RequestConfig {
  readonly number: number
  readonly method: Method
  /** Says that the request may be repeated, whatever its method. */
  readonly keyed: boolean
  /** When it was due, as performance.now() has it. */
  readonly due: number
  /** Leaves it after so many milliseconds. Default: never. */
  readonly patience?: number | undefined
}

/** No scenario takes as long to answer: what does is lost. */
const LONGEST = 60_000

/**
 * At once. Fewer than wait in Node's backlog (511): the system completes connections beyond it for the client only, and resets
 * them half a minute later.
 */
const CONNECTIONS = 400

const WITHHELD = 'no new connections'

/** One client with keep-alive connections. */
export class Client {
  readonly #pool: Pool
  #refused = false
  #told = false

  /** @param polite opens no connection any more once it has been told `connection: close`, or has been refused */
  constructor (url: string, polite = false) {
    const connect = buildConnector({ timeout: LONGEST })
    this.#pool = new Pool(url, {
      connections: CONNECTIONS,
      headersTimeout: LONGEST,
      bodyTimeout: LONGEST,
      connect: (options, callback) => {
        if (polite && (this.#told || this.#refused)) {
          callback(new Error(WITHHELD), null)
          return
        }
        connect(options, (...[error, socket]) => {
          if (error === null) callback(null, socket)
          else {
            this.#refused ||= 'code' in error && error.code === 'ECONNREFUSED'
            callback(polite && this.#refused ? new Error(WITHHELD) : error, null)
          }
        })
      }
    })
  }

  /** Never rejects. */
  async request ({ number, method, keyed, due, patience = LONGEST }: RequestConfig): Promise<Answer> {
    const leaving = new AbortController()
    const timer = setTimeout(() => { leaving.abort() }, patience)
    const seen: { status?: number, upstream?: string, retryAfter?: string, code?: string } = {}
    const answer = (error?: string): Answer => ({
      number, method, ...seen, ...error !== undefined && { error }, withheld: error === WITHHELD, ms: performance.now() - due
    })
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method,
        path: `/${number}`,
        headers: keyed ? { 'idempotency-key': String(number) } : {},
        body: method === 'POST' ? `request ${number}` : null,
        signal: leaving.signal
      })
      this.#told ||= headers['connection'] === 'close'
      seen.status = statusCode
      if (typeof headers['x-upstream'] === 'string') seen.upstream = headers['x-upstream']
      if (typeof headers['retry-after'] === 'string') seen.retryAfter = headers['retry-after']
      const text = await body.text()
      const code = /"code":"(\w+)"/.exec(text)?.[1]
      if (code !== undefined) seen.code = code
      return answer()
    } catch (error) {
      return answer((error as Error).message)
    } finally {
      clearTimeout(timer)
    }
  }

  async end (): Promise<void> { await this.#pool.destroy() }
}

/** Whether it was answered as it should be: with a whole 200. */
export function succeeded ({ status, error }: Answer): boolean {
  return status === 200 && error === undefined
}
