import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Agent } from 'undici'
import { REFUSING } from '../kit/index.js'
import { refusal, refuses, route } from '../options/refusal.js'

const upstream = REFUSING
const require = createRequire(import.meta.url)
const page = readFileSync(new URL('../../docs/migrating-from-http-proxy.md', import.meta.url), 'utf8')
const table = page.slice(page.indexOf('## Options'), page.indexOf('## What is different'))
const rows = [...table.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, names]) => [...(names ?? '').matchAll(/`([\w.]+)`/g)].map(([, name]) => name ?? ''))

/** The properties of an interface, as the types of a package list them. */
function properties (packageName: string, name: string): string[] {
  const types = readFileSync(join(dirname(require.resolve(packageName)), 'types/index.d.ts'), 'utf8')
  const body = new RegExp(`interface ${name} .*?{\\n(.+?)\\n {0,2}}`, 's').exec(types)?.[1] ?? ''
  return [...body.matchAll(/^ {2,4}(\w+)\??:/gm)].map(([, property]) => property ?? '')
}

t.test('the manual has a row for every option of both packages', async t => {
  const proxy = [...properties('@fastify/http-proxy', 'FastifyHttpProxyOptions'), ...properties('@fastify/http-proxy', 'FastifyHttpProxyWebsocketOptionsEnabled')]
  const from = properties('@fastify/reply-from', 'FastifyReplyFromOptions')
  const reply = properties('@fastify/reply-from', 'FastifyReplyFromHooks').map(name => `replyOptions.${name}`)
  const hooks = properties('@fastify/http-proxy', 'WebSocketHooks').map(name => `wsHooks.${name}`)
  t.ok(proxy.length >= 18 && from.length >= 12 && reply.length >= 12 && hooks.length === 6, 'the types were read')
  const apart = ['replyOptions', 'wsHooks']
  for (const name of [...proxy, ...from, ...reply, ...hooks]) if (!apart.includes(name)) t.ok(rows.includes(name), name)
})

const refused: Record<string, unknown> = {
  base: upstream,
  http2: true,
  sessionTimeout: 5,
  http: { agentOptions: {} },
  balancedPoolOptions: {},
  retryMethods: ['GET'],
  retriesCount: 2,
  retryDelay: () => null,
  maxRetriesOn503: 1,
  globalAgent: true,
  wsReconnect: { pingInterval: 5 }
}

t.test('what is not taken is refused with what to write instead', async t => {
  for (const [option, value] of Object.entries(refused)) {
    for (const options of [{ upstream, [option]: value }, { pools: {}, [option]: value }, route({ [option]: value })]) {
      const { code, message } = await refusal(options)
      t.equal(code, 'FST_BALANCER_BAD_OPTION', message)
      t.notMatch(message, /unknown option/)
      t.match(message, new RegExp(`^(?:routes\\[0\\]\\.)?${option}: .{20}`))
    }
  }
  await refuses(t, { upstream, http2: true }, 'http2: true, must be false: upstreams are asked in HTTP/1.1')
  await refuses(t, { upstream: 'ws://a.test' }, "upstream: 'ws://a.test', must be an absolute http: or https: URL, which is where WebSockets are opened as well")
})

t.test('options of undici are taken where there is a word for them, once', async t => {
  const unlimited = 'limits.connections is the limit of a target, must be left out'
  await refuses(t, { upstream, undici: { connections: 5 } }, `undici.connections: ${unlimited}`)
  await refuses(t, { upstream, undici: { maxHeaderSize: 5 } }, 'undici.maxHeaderSize: the pool makes its own connections, with its timeouts and tls, must be left out')
  await refuses(t, { upstream, undici: { headersTimeout: -1 } }, 'undici.headersTimeout: -1, must be >= 0')
  t.match((await refusal({ upstream, undici: { tls: { ciphers: 'x' } } })).message, /^undici\.tls\.ciphers: unknown option, allowed are ca/)
  await refuses(t, { upstream, undici: { bodyTimeout: 5 }, timeouts: { idle: 6 } }, 'undici.bodyTimeout: there is timeouts.idle, must be left out')
  await refuses(t, { upstream, undici: { connect: {} }, tls: {} }, 'undici.connect: there is tls, must be left out')
  await refuses(t, { upstream, undici: { tls: {}, connect: {} } }, 'undici.connect: there is undici.tls, must be left out')
  const agent = new Agent()
  await refuses(t, { upstream, undici: agent }, 'undici: must be true, false or an object of options: the pool makes its own connections, with its timeouts and tls')
  await agent.close()
})

t.test('options for WebSockets', async t => {
  const websocket = true
  for (const [option, value] of Object.entries({ wsUpstream: upstream, wsClientOptions: {}, wsHooks: {} })) {
    await refuses(t, { upstream, [option]: value }, `${option}: websocket is not true, must be left out`)
  }
  for (const wsUpstream of ['ws://a.test/x', 'a.test', 'ftp://a.test', 'ws://a.test?x', '']) {
    t.match((await refusal({ upstream, websocket, wsUpstream })).message, /^wsUpstream: .*must be a ws:, wss:, http: or https: URL without a path/)
  }
  await refuses(t, { upstream, websocket, wsUpstream: 'ws://u:p@a.test' }, "wsUpstream: 'http://***@a.test', must not have credentials; send them as a header")
  t.match((await refusal(route({ websocket, wsUpstream: 'ws://a.test' }))).message, /^routes\[0\]\.wsUpstream: belongs to the short form/)
  for (const [option, reason] of [
    ['rejectUnauthorized', /tls has what/], ['ca', /tls has what/], ['handshakeTimeout', /timeouts\.headers/], ['maxPayload', /bytes pass unread/],
    ['perMessageDeflate', /bytes pass unread/], ['origin', /headers: { origin }/], ['auth', /authorization/], ['agent', /own connections/],
    ['followRedirects', /passed on to the client/]
  ] as const) {
    const { code, message } = await refusal({ upstream, websocket, wsClientOptions: { [option]: true } })
    t.equal(code, 'FST_BALANCER_BAD_OPTION')
    t.match(message, new RegExp(`^wsClientOptions\\.${option}: `))
    t.match(message, reason)
  }
  for (const hook of ['onIncomingMessage', 'onOutgoingMessage', 'onPong', 'onReconnect']) {
    t.match((await refusal({ upstream, websocket, wsHooks: { [hook] () {} } })).message, new RegExp(`^wsHooks\\.${hook}: .*(?:unread|anew).*, must be left out$`))
  }
  t.match((await refusal({ upstream, websocket, wsServerOptions: { verifyClient () {} } })).message, /^wsServerOptions\.verifyClient: a preHandler/)
  t.match((await refusal({ upstream, websocket, wsServerOptions: { port: 5 } })).message, /^wsServerOptions\.port: WebSockets come by the app's own server/)
  await refuses(t, { upstream, websocket, wsClientOptions: { headers: { a: 'b\r\nc' } } }, 'wsClientOptions.headers.a: must be a text without line breaks')
})

t.test('what must be a function, a list or one of two', async t => {
  await refuses(t, { upstream, handler: 'x' }, "handler: 'x', must be a function")
  await refuses(t, { upstream, beforeHandler: 5 }, 'beforeHandler: 5, must be a function or a list of functions')
  await refuses(t, { upstream, beforeHandler () {}, preHandler () {} }, 'beforeHandler: there is a preHandler, must be left out')
  await refuses(t, { upstream, contentTypesToEncode: ['json'] }, "contentTypesToEncode[0]: 'json', must be a type such as application/vnd.api+json")
  await refuses(t, { upstream, disableRequestLogging: 'yes' }, "disableRequestLogging: 'yes', must be true or false")
})
