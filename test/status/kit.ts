/** A gateway with a status API beside it, and a client of that API. */
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { Agent } from 'undici'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { status, type FullEvent, type State, type StatusOptions } from '../../lib/status/index.js'
import { logged, type Gateway } from '../kit/index.js'

export interface StatusGateway extends Gateway {
  /** Where the status API is, without a slash at its end. */
  readonly base: string
  readonly get: <Body = Record<string, unknown>> (path: string, headers?: Record<string, string>) => Promise<{ status: number, headers: Headers, body: Body, text: string }>
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<{ status: number, body: Record<string, unknown>, text: string }>
  readonly state: () => Promise<State>
}

/** @param before runs on the app before anything is registered */
export async function statusGateway (
  t: Test, options: BalancerOptions, statusOptions: StatusOptions & { clock?: unknown } = {}, before?: (app: FastifyInstance) => unknown
): Promise<StatusGateway> {
  const { app, log } = logged()
  const client = new Agent({ keepAliveTimeout: 1000 })
  t.teardown(async () => {
    await client.destroy()
    await app.close()
  })
  await before?.(app)
  await app.register(balancer, options)
  await app.register(status, { prefix: '/_balancer', dashboard: false, ...statusOptions as StatusOptions })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const base = `${url}/_balancer`
  const get: StatusGateway['get'] = async (path, headers = {}) => {
    const response = await fetch(base + path, { headers })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parsed(text) as never, text }
  }
  return {
    app,
    url,
    log,
    client,
    base,
    port: Number(new URL(url).port),
    request: async (path, requestOptions) => await client.request({ origin: url, path, method: 'GET', ...requestOptions }),
    get,
    post: async (path, body, headers = {}) => {
      const response = await fetch(base + path, {
        method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body)
      })
      const text = await response.text()
      return { status: response.status, body: parsed(text) as Record<string, unknown>, text }
    },
    state: async () => (await get<State>('/api/state')).body
  }
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** Reads server-sent events as they come. */
export async function * events (url: string, signal: AbortSignal, headers: Record<string, string> = {}): AsyncGenerator<{ event: string, data: FullEvent }> {
  const response = await fetch(url, { signal, headers })
  if (response.body === null || !response.ok) throw new Error(`status ${response.status}`)
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end)
      text = text.slice(end + 2)
      const field = (name: string): string => block.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      yield { event: field('event'), data: JSON.parse(field('data')) as FullEvent }
    }
  }
}
