import type { FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { gateway } from '../kit/index.js'
import { answeringEach, ok, rawClient, rawServer, type RawClient, type RawServer } from '../kit/raw.js'
import { OTHER_PATHS, readsAsAdmin, spellings, type Reading } from './guard-spellings.js'

interface Guarded {
  readonly upstream: RawServer
  /** The status for a target. */
  readonly get: (target: string) => Promise<number | undefined>
}

/** An app that forwards `/api`, but for what is below `/api/admin`. */
async function guarded (t: Test, how: 'forwarded' | 'handler', options: FastifyServerOptions = {}, strictPaths = false): Promise<Guarded> {
  const upstream = await rawServer(t, answeringEach(() => ok()))
  const forbid = async (_request: unknown, reply: { code: (status: number) => { send: () => unknown } }): Promise<unknown> => await reply.code(403).send()
  const { port } = await gateway(t, {
    pools: { api: { targets: [upstream.url] } },
    routes: [
      { prefix: '/api', pool: 'api', strictPaths },
      ...how === 'forwarded' ? [{ prefix: '/api/admin', rewritePrefix: '/admin', pool: 'api', preHandler: forbid as never }] : []
    ]
  }, {
    ...options,
    logger: false,
    before: app => { if (how === 'handler') for (const url of ['/api/admin', '/api/admin/*']) app.all(url, { preHandler: forbid as never }, async () => 'passed') }
  })
  let client: RawClient | undefined
  return {
    upstream,
    get: async target => {
      client ??= await rawClient(t, port)
      await client.send(`GET ${target} HTTP/1.1\r\nHost: gateway\r\n\r\n`)
      const response = await client.response()
      // What Node can not parse ends the connection, and its answer does not say so.
      if (response?.status === 400) client = undefined
      return response?.status
    }
  }
}

const ALL = spellings()

for (const { routerOptions, reading } of [
  { routerOptions: {}, reading: {} },
  { routerOptions: { caseSensitive: false }, reading: { ignoresCase: true } },
  { routerOptions: { ignoreDuplicateSlashes: true }, reading: { mergesSlashes: true } },
  { routerOptions: { useSemicolonDelimiter: true }, reading: {} },
  { routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true }, reading: { ignoresCase: true, mergesSlashes: true } }
] satisfies Array<{ routerOptions: object, reading: Reading }>) {
  for (const how of Object.keys(routerOptions).length === 0 ? ['forwarded', 'handler'] as const : ['forwarded'] as const) {
    t.test(`no spelling that an upstream reads as the router does passes a guard (${how}, ${JSON.stringify(routerOptions)})`, async t => {
      const { upstream, get } = await guarded(t, how, { routerOptions: routerOptions as object })
      const passed: string[] = []
      const statuses: Record<string, number> = {}
      let seen = 0
      // A share of them is enough, and a smaller one where little differs.
      const some = ALL.filter((_, i) => i % (how === 'forwarded' && Object.keys(routerOptions).length === 0 ? 2 : 8) === 0)
      for (const target of some) {
        const status = String(await get(target))
        statuses[status] = (statuses[status] ?? 0) + 1
        const before = seen
        seen = upstream.connections.reduce((sum, { requests }) => sum + requests.length, 0)
        if (seen === before) continue
        const last = upstream.requests()[before]?.target ?? ''
        if (seen > before + 1 || readsAsAdmin(last, reading)) passed.push(`${target} → ${last}`)
      }
      t.same(passed, [])
      t.same(upstream.violations(), [])
      t.same(Object.keys(statuses).sort(), ['200', '400', '403', '404'])
      t.equal(statuses['200'], seen)
      t.ok(some.length > 200 && (statuses['403'] ?? 0) > 5 && (statuses['200'] ?? 0) > 50, JSON.stringify(statuses))
    })
  }
}

for (const { does, reading, paths } of OTHER_PATHS) {
  t.test(`a path that is the guarded one only for an upstream that ${does} is sent as the other path that it is`, async t => {
    const { upstream, get } = await guarded(t, 'forwarded')
    for (const [target, path] of Object.entries(paths)) {
      const before = upstream.requests().length
      t.equal(await get(target), 200, target)
      t.equal(upstream.requests()[before]?.target, path, `${target} is sent as ${path}`)
      t.ok(readsAsAdmin(path, reading) && !readsAsAdmin(path, {}), `${path} is read as /admin only there`)
    }
  })
}

const SUSPICIOUS: Reading = { decodesFirst: true, mergesSlashes: true, dropsDots: true, dropsParameters: true, turnsBackslashes: true, trims: true, ignoresCase: true }

t.test('with strictPaths no spelling passes a guard, however the upstream reads paths', async t => {
  const { upstream, get } = await guarded(t, 'handler', { routerOptions: { caseSensitive: false } as object }, true)
  const passed: string[] = []
  for (const target of [...ALL.filter((_, i) => i % 3 === 0), ...OTHER_PATHS.flatMap(({ paths }) => Object.keys(paths))]) {
    const before = upstream.requests().length
    const status = await get(target)
    t.ok([200, 400, 403, 404].includes(status ?? 0), `${target}: ${status}`)
    const sent = upstream.requests()[before]?.target
    if (sent !== undefined && readsAsAdmin(sent, SUSPICIOUS)) passed.push(`${target} → ${sent}`)
  }
  t.same(passed, [])
  // Nothing else is lost by it.
  for (const target of ['/api', '/api/', '/api/x', '/api/x/', '/api/a.b/.well-known/c%20d', '/api/x?a=//;%2f\\', '/api/administrator']) t.equal(await get(target), 200, target)
})
