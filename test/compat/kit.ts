/** The same app twice, with @fastify/http-proxy and with this plugin, and the same requests to both. */
import httpProxy from '@fastify/http-proxy'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { Agent, type Dispatcher } from 'undici'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import type { Echo } from '../kit/index.js'

export interface Front {
  readonly app: FastifyInstance
  readonly url: string
  readonly ask: (path: string, options?: Partial<Dispatcher.RequestOptions>) => Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly text: string
  /** What the upstream has seen, when it is one that tells. */
  readonly echo: Echo | undefined
}

export interface Both {
  readonly theirs: Front
  readonly ours: Front
}

export interface Setting {
  /** Runs on each app before its plugin is registered. */
  readonly before?: (app: FastifyInstance) => unknown
  readonly fastify?: FastifyServerOptions
  /** The prefix of a parent that the plugin is registered in. */
  readonly within?: string
}

type Options = Record<string, unknown> | ((side: 'theirs' | 'ours') => Record<string, unknown>)

/** Registers what is given with both plugins: one set of options, or several, or what a function makes for each side. */
export async function both (t: Test, options: Options | Options[], setting: Setting = {}): Promise<Both> {
  const all = [options].flat()
  return {
    theirs: await front(t, setting, async app => { for (const one of all) await app.register(httpProxy, optionsFor(one, 'theirs') as never) }),
    ours: await front(t, setting, async app => { for (const one of all) await app.register(balancer, optionsFor(one, 'ours') as unknown as BalancerOptions) })
  }
}

/** A copy: @fastify/http-proxy writes into what it is given. */
function optionsFor (options: Options, side: 'theirs' | 'ours'): Record<string, unknown> {
  return { ...(typeof options === 'function' ? options(side) : options) }
}

async function front (t: Test, { before, fastify = {}, within = '' }: Setting, register: (app: FastifyInstance) => Promise<void>): Promise<Front> {
  const app = Fastify({ forceCloseConnections: true, ...fastify }) as unknown as FastifyInstance
  const client = new Agent({ keepAliveTimeout: 1000 })
  t.teardown(async () => {
    await client.destroy()
    await app.close()
  })
  await before?.(app)
  await app.register(async scope => { await register(scope) }, { prefix: within })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    url,
    async ask (path, options) {
      const { statusCode, headers, body } = await client.request({ origin: url, path, method: 'GET', ...options })
      const text = await body.text()
      return { status: statusCode, headers, text, echo: headers['x-name'] === undefined || text === '' ? undefined : JSON.parse(text) as Echo }
    }
  }
}

/** What the manual says is different in every request, and what is different in every answer. */
const DIFFERENT = [
  'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'via',
  'date', 'connection', 'keep-alive', 'host'
]

function comparable (headers: Record<string, unknown>, echoed = false): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DIFFERENT.includes(name) && !(echoed && name === 'content-length')).sort(([a], [b]) => a < b ? -1 : 1))
}

/** Asks both the same, asserts that client and upstream see the same, and returns our answer. */
export async function same (t: Test, { theirs, ours }: Both, path: string, options?: Partial<Dispatcher.RequestOptions>): Promise<Answer> {
  const label = `${options?.method ?? 'GET'} ${path}`
  const [expected, actual] = [await theirs.ask(path, options), await ours.ask(path, options)]
  t.equal(actual.status, expected.status, `${label}: status`)
  // The echo of what is different has another length.
  const echoed = expected.headers['x-name'] !== undefined
  t.strictSame(comparable(actual.headers, echoed), comparable(expected.headers, echoed), `${label}: headers`)
  if (expected.echo === undefined || actual.echo === undefined) t.equal(actual.text, expected.text, `${label}: body`)
  else t.strictSame({ ...actual.echo, headers: comparable(actual.echo.headers) }, { ...expected.echo, headers: comparable(expected.echo.headers) }, `${label}: what the upstream saw`)
  return actual
}
