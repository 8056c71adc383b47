import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { logged, named, until } from '../kit/index.js'
import { echoing, opened, type EchoServer } from '../upgrade/kit.js'
import { both, same } from './kit.js'

/** Opens one WebSocket by each plugin, and resolves to what the upstream saw of each. */
async function handshakes (
  t: Test, upstream: EchoServer, options: Record<string, unknown>, path: string, headers: Record<string, string> = {}
): Promise<Array<{ url: string, headers: IncomingHttpHeaders }>> {
  const { theirs, ours } = await both(t, { upstream: upstream.url, websocket: true, ...options })
  for (const { url } of [theirs, ours]) {
    const socket = await opened(t, url + path, ['a'], { headers })
    socket.send('hello')
    t.equal(String((await once(socket, 'message'))[0]), 'hello')
    t.equal(socket.protocol, 'a')
    socket.close(4000, 'bye')
    t.equal((await once(socket, 'close'))[0], 4000)
  }
  return upstream.requests.splice(0).map(({ url = '', headers }) => ({ url, headers }))
}

t.test('an echo, with prefixes, params and the query', async t => {
  const upstream = await echoing(t)
  for (const [options, path, sent] of [
    [{}, '/chat?room=%2F1', '/chat?room=%2F1'],
    [{ prefix: '/ws', rewritePrefix: '/v2' }, '/ws/chat?a=1&a=2', '/v2/chat?a=1&a=2'],
    [{ prefix: '/t/:id', rewritePrefix: '/:id/ws' }, '/t/7/x', '/7/ws/x'],
    [{ upstream: `${upstream.url}/base`, prefix: '/ws' }, '/ws/x', '/base/x']
  ] as const) {
    t.same((await handshakes(t, upstream, options, path)).map(({ url }) => url), [sent, sent])
  }
})

t.test('HTTP goes on beside it, and a body, a type and a method of replyOptions are not for WebSockets', async t => {
  const upstream = await echoing(t, {}, createServer((_request, response) => { response.end('plain') }))
  const options = { replyOptions: { body: { fixed: true }, method: 'POST' } }
  t.equal((await handshakes(t, upstream, options, '/x')).length, 2)
  t.equal((await same(t, await both(t, { upstream: upstream.url, websocket: true }), '/x')).text, 'plain')
})

t.test('wsUpstream is a pool of its own', async t => {
  const [http, ws] = [await named(t, 'http'), await echoing(t)]
  for (const wsUpstream of [ws.url, ws.url.replace('http', 'ws'), `${ws.url}/`]) {
    const seen = await handshakes(t, ws, { upstream: http.url, wsUpstream, prefix: '/ws', rewritePrefix: '/v2' }, '/ws/x')
    t.same(seen.map(({ url }) => url), ['/v2/x', '/v2/x'])
    t.same((await handshakes(t, ws, { upstream: `${http.url}/base`, wsUpstream, prefix: '/ws' }, '/ws/x')).map(({ url }) => url), ['/base/x', '/base/x'])
  }
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, {
    name: 'chat', upstream: http.url, wsUpstream: ws.url.replace('http', 'ws'), websocket: true, timeouts: { tunnel: 5, connect: 7 }, preHandler: async () => {}
  } as BalancerOptions)
  t.same(app.upstreams['chat']?.targets.map(({ url }) => url), [http.url])
  t.same(app.upstreams['chat:websocket']?.targets.map(({ url }) => url), [ws.url])
  t.match(app.upstreams['chat:websocket']?.timeouts, { tunnel: 5, connect: 7 })
})

t.test('wsClientOptions', async t => {
  const upstream = await echoing(t)
  const seen: unknown[] = []
  const [theirs, ours] = await handshakes(t, upstream, {
    wsClientOptions: {
      headers: { 'X-Key': 'k', 'x-over': 'ours' },
      rewriteRequestHeaders: (headers: IncomingHttpHeaders, request: FastifyRequest) => ({ ...headers, Cookie: request.headers.cookie, 'x-url': request.url }),
      queryString (search: string, url: string, request: FastifyRequest) {
        seen.push([search, url, request.method])
        return 'q=1'
      }
    }
  }, '/x?room=1', { cookie: 'a=1', 'x-over': 'client' })
  for (const request of [theirs, ours]) t.match(request, { url: '/x?q=1', headers: { 'x-key': 'k', 'x-over': 'ours', cookie: 'a=1', 'x-url': '/x?room=1' } })
  t.same(seen, [['?room=1', '/x?room=1', 'GET'], ['?room=1', '/x?room=1', 'GET']])
  const object = await handshakes(t, upstream, { wsClientOptions: { queryString: { b: 'x y' } } }, '/x?room=1')
  t.same(object.map(({ url }) => url), ['/x?b=x%20y', '/x?b=x%20y'])
  const only = await handshakes(t, upstream, { wsClientOptions: { rewriteRequestHeaders: () => ({ 'x-only': '1' }) } }, '/x', { cookie: 'a=1' })
  for (const { headers } of only) {
    t.equal(headers['x-only'], '1')
    t.notOk('cookie' in headers)
  }
})

t.test('wsHooks are told of both ends, and may fail', async t => {
  const upstream = await echoing(t)
  for (const failing of [false, true]) {
    const seen: unknown[] = []
    const hook = (name: string) => (...args: unknown[]) => {
      seen.push([name, typeof (args[0] as { log: { info: unknown } }).log.info, args.length])
      if (failing) throw new Error('of the user')
    }
    await handshakes(t, upstream, { wsHooks: { onConnect: hook('onConnect'), onDisconnect: hook('onDisconnect') } }, '/x')
    await until(() => seen.length === 4)
    t.same(seen.sort(), [['onConnect', 'function', 3], ['onConnect', 'function', 3], ['onDisconnect', 'function', 2], ['onDisconnect', 'function', 2]])
  }
})

t.test('a hook that fails is in the log, be it later', async t => {
  const upstream = await echoing(t)
  const { app, log } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, {
    upstream: upstream.url,
    websocket: true,
    wsHooks: { onConnect: async () => { throw new Error('later') }, onDisconnect () { throw new Error('at once') } }
  })
  const socket: WebSocket = await opened(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  socket.send('x')
  await once(socket, 'message')
  socket.close()
  await until(() => log.some(({ msg }) => msg === 'wsHooks.onDisconnect failed'))
  t.match(log.filter(({ level }) => level === 50), [
    { msg: 'wsHooks.onConnect failed', err: { message: 'later' } }, { msg: 'wsHooks.onDisconnect failed', err: { message: 'at once' } }
  ])
})
