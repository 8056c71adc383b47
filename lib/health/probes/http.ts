import type { Dispatcher } from 'undici'
import type { Carried, Connection } from '../../connection.js'
import { DrainAsked, keeping, type KeepingProbe } from '../probe.js'

/** What an http probe sends and what it takes for well. */
export interface HttpProbeOptions {
  /** Asked for below the target's base path. */
  readonly path: string
  readonly method: string
  /** Sent along; `host` is the target's unless given here. */
  readonly headers: Readonly<Record<string, string>>
  /** Statuses that are well: single ones and ranges, both ends included. */
  readonly status: ReadonlyArray<number | readonly [number, number]>
  /** What the body must contain or match; undefined asks nothing of it. */
  readonly body: string | RegExp | undefined
  /** Field of a failing answer by which the target asks to be drained, in lower case; undefined when none is heeded. */
  readonly drainHeader: string | undefined
}

/** A health answer is read up to this many bytes; what comes after can not make it well. */
export const PROBE_BODY_LIMIT = 64 * 1024

/** Well is an answer with an expected status and body. Redirects are not followed: they are answers like any other. */
export function httpProbe ({ path, method, headers, status: expected, body, drainHeader }: HttpProbeOptions): KeepingProbe {
  const named = Object.keys(headers).some(name => name.toLowerCase() === 'user-agent')
  // A list is what undici need not make one of each time.
  const fields = Object.entries(named ? headers : { 'user-agent': 'fastify-balancer (health check)', ...headers }).flat()
  const judge = (answer: Answer): Error | undefined => {
    const failure = judged(answer, expected, body)
    if (failure === undefined) return undefined
    return drainHeader !== undefined && answer.has(drainHeader) ? new DrainAsked() : new Error(failure)
  }
  return keeping((target, dispatcher) => new Promise((resolve, reject) => {
    const request = { path: target.basePath + path, method: method as Dispatcher.HttpMethod, headers: fields }
    const answer = new Answer(failure => {
      if (failure === undefined) failure = judge(answer)
      if (failure === undefined) {
        resolve()
      } else if (answer.stale) {
        // A connection that its server had let go of says nothing about the server: a new one does.
        dispatcher.dispatch(request, answer as Dispatcher.DispatchHandler)
      } else {
        reject(failure)
      }
    })
    dispatcher.dispatch(request, answer as Dispatcher.DispatchHandler)
  }))
}

/**
 * Reads an answer in undici's callback shape, which needs no stream, and no object more than one. Its deadline is that of its
 * connection.
 */
class Answer implements Carried {
  connection?: Connection
  status = 0
  /** Whether it failed because its connection had been closed before; said once. */
  stale = false
  #again = false
  readonly #done: (failure: Error | undefined) => void
  #fields: readonly Buffer[] | undefined
  #chunks: Buffer[] | undefined
  #bytes = 0
  #abort: (() => void) | undefined

  constructor (done: (failure: Error | undefined) => void) {
    this.#done = done
  }

  /** What there is of the body, up to the limit. */
  get text (): string { return Buffer.concat(this.#chunks ?? []).toString('utf8', 0, PROBE_BODY_LIMIT) }

  /** @param name in lower case */
  has (name: string): boolean {
    return this.#fields?.some((field, i) => i % 2 === 0 && field.toString('latin1').toLowerCase() === name) === true
  }

  onConnect (abort: () => void): void {
    this.#abort = abort
    this.connection?.begin()
  }

  onHeaders (status: number, fields: Buffer[]): boolean {
    this.status = status
    this.#fields = fields
    return true
  }

  /** It is read even when nothing is asked of it: an answer that never ends is not one. */
  onData (chunk: Buffer): boolean {
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes >= PROBE_BODY_LIMIT) {
      this.#done(undefined)
      // The rest of it would be in the way of the next one.
      this.#abort?.()
    }
    return true
  }

  onComplete (): void {
    this.#done(undefined)
  }

  onError (error: Error): void {
    const { connection } = this
    // undici has yet to take leave of the connection.
    queueMicrotask(() => {
      this.stale = connection?.stale === true && !connection.destroyed && !this.#again
      this.#again = true
      this.#done(error)
    })
  }
}

/** Why an answer is not well; undefined when it is. */
function judged (answer: Answer, expected: HttpProbeOptions['status'], body: string | RegExp | undefined): string | undefined {
  if (!expected.some(range => includes(range, answer.status))) return `status ${answer.status}`
  return body === undefined || matches(answer.text, body) ? undefined : 'unexpected body'
}

function includes (range: number | readonly [number, number], status: number): boolean {
  return typeof range === 'number' ? status === range : status >= range[0] && status <= range[1]
}

function matches (text: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? text.includes(wanted) : text.search(wanted) !== -1
}
