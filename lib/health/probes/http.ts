import type { Dispatcher } from 'undici'
import { DrainAsked, type Probe } from '../active.js'

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
export function httpProbe ({ path, method, headers, status: expected, body, drainHeader }: HttpProbeOptions): Probe {
  const named = Object.keys(headers).some(name => name.toLowerCase() === 'user-agent')
  const fields = named ? headers : { 'user-agent': 'fastify-balancer (health check)', ...headers }
  return async (target, dispatcher, signal) => {
    const response = await dispatcher.request({
      origin: target.origin,
      path: target.basePath + path,
      method: method as Dispatcher.HttpMethod,
      headers: fields,
      signal
    })
    // Read even when nothing is asked of it: an answer that never ends is not one.
    const text = await readText(response.body, PROBE_BODY_LIMIT)
    const failure = judged(response.statusCode, expected, text, body)
    if (failure === undefined) return
    throw drainHeader !== undefined && Object.hasOwn(response.headers, drainHeader) ? new DrainAsked() : new Error(failure)
  }
}

/** Why an answer is not well; undefined when it is. */
function judged (status: number, expected: HttpProbeOptions['status'], text: string, body: string | RegExp | undefined): string | undefined {
  if (!expected.some(range => includes(range, status))) return `status ${status}`
  return body === undefined || matches(text, body) ? undefined : 'unexpected body'
}

function includes (range: number | readonly [number, number], status: number): boolean {
  return typeof range === 'number' ? status === range : status >= range[0] && status <= range[1]
}

function matches (text: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? text.includes(wanted) : text.search(wanted) !== -1
}

async function readText (body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    // Leaving the loop destroys the stream and with it the connection, which is the probe's own.
    if (bytes >= limit) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, limit)
}
