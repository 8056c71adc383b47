import type { IncomingHttpHeaders } from 'node:http'
import { Transform } from 'node:stream'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { ReplyOptions } from '../../lib/index.js'
import { gateway, named, REFUSING, sha256, upstream, type Echo, type Gateway } from '../kit/index.js'

/** A gateway to an echo with these options for `reply.from`. */
async function replying (t: Test, replyOptions: ReplyOptions): Promise<Gateway['request']> {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { prefix: '/api', targets: [url], replyOptions })
  return request
}

async function echoOf ({ body }: Dispatcher.ResponseData): Promise<Echo> {
  return await body.json() as Echo
}

t.test('onResponse sends the answer in place of the plugin, from a stream, whatever its length', async t => {
  const statuses: number[] = []
  for (const size of [5, 100_000]) {
    const { url } = await upstream(t, (_request, response) => {
      response.writeHead(201, { 'content-type': 'text/plain', 'content-length': size })
      response.end('x'.repeat(size))
    })
    const { request } = await gateway(t, {
      targets: [url],
      replyOptions: {
        onResponse: (_request, reply, response) => {
          statuses.push(response.statusCode)
          reply.removeHeader('content-length')
          void reply.send(response.stream.pipe(new Transform({ transform (chunk, _encoding, done) { done(null, String(chunk).toUpperCase()) } })))
        }
      }
    })
    const { statusCode, headers, body } = await request('/')
    t.equal(statusCode, 201)
    t.equal(headers['content-type'], 'text/plain')
    t.equal(await body.text(), 'X'.repeat(size))
  }
  t.same(statuses, [201, 201])
})

t.test('onResponse may answer something else, and nothing stays in flight', async t => {
  const { url } = await named(t, 'a')
  const { app, request } = await gateway(t, {
    name: 'p',
    targets: [url],
    replyOptions: {
      onResponse: (_request, reply, { stream }) => {
        stream.resume()
        void reply.code(202).removeHeader('content-length').send({ own: true })
      }
    }
  })
  const { statusCode, body } = await request('/')
  t.same([statusCode, await body.json()], [202, { own: true }])
  t.match(app.upstreams['p']?.targets, [{ inFlight: 0, counters: { answered: 1 } }])
})

t.test('onError answers in place of the plugin, with an error that has a code and no address', async t => {
  const errors: Array<Error & { code?: string, statusCode?: number }> = []
  const { request } = await gateway(t, {
    targets: [REFUSING],
    replyOptions: {
      onError: (reply, { error }) => {
        errors.push(error)
        void reply.code(503).header('retry-after', '5').send({ own: 'words' })
      }
    }
  })
  const { statusCode, headers, body } = await request('/')
  t.same([statusCode, headers['retry-after'], await body.json()], [503, '5', { own: 'words' }])
  t.match(errors, [{ code: 'FST_BALANCER_UNREACHABLE', statusCode: 502 }])
  t.notMatch(errors[0]?.message, /127\.0\.0\.1/)
})

t.test('rewriteHeaders changes what the client gets, and sees the request', async t => {
  const request = await replying(t, {
    rewriteHeaders: (headers, request) => ({ ...headers, 'x-name': undefined, 'x-path': request?.url ?? '' }) as IncomingHttpHeaders
  })
  const { headers, body } = await request('/api/x')
  await body.dump()
  t.equal(headers['x-path'], '/api/x')
  t.notOk(headers['x-name'])
  t.equal(headers['content-type'], 'application/json')
})

t.test('rewriteRequestHeaders changes what is sent, and sees what would be', async t => {
  const seen: IncomingHttpHeaders[] = []
  const request = await replying(t, {
    rewriteRequestHeaders: (request, headers) => {
      seen.push({ ...headers })
      return { ...headers, 'x-user': String(request.id), 'x-drop': undefined } as IncomingHttpHeaders
    }
  })
  const echo = await echoOf(await request('/api/x', { headers: { 'x-drop': '1', 'x-keep': '2' } }))
  t.match(seen, [{ 'x-keep': '2', 'x-drop': '1', via: '1.1 fastify-balancer', 'x-forwarded-for': '127.0.0.1' }])
  t.match(echo.headers, { 'x-user': /^req-/, 'x-keep': '2' })
  t.notOk('x-drop' in echo.headers)
})

t.test('rewriteRequestHeaders may set the host, for every target', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, {
    targets: [REFUSING, url], policy: 'first', replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, host: 'virtual.test' }) }
  })
  t.equal((await echoOf(await request('/'))).headers['host'], 'virtual.test')
})

t.test('rewriteRequestHeaders can not put hop-by-hop fields on the wire, nor break the framing', async t => {
  const request = await replying(t, {
    rewriteRequestHeaders: (_request, headers) => ({
      ...headers, connection: 'close, x-keep', 'Keep-Alive': 'timeout=5', 'transfer-encoding': 'chunked', Upgrade: 'h2c', expect: '100-continue', te: 'gzip', 'x-keep': '1'
    })
  })
  const body = 'y'.repeat(1000)
  const echo = await echoOf(await request('/api/x', { method: 'POST', body }))
  t.same([echo.bytes, echo.sha256, echo.headers['content-length'], echo.headers['x-keep']], [1000, sha256(Buffer.from(body)), '1000', '1'])
  t.notMatch(echo.headers['connection'], /x-keep|close/)
  for (const name of ['keep-alive', 'transfer-encoding', 'upgrade', 'expect']) t.notOk(name in echo.headers, name)
})

t.test('queryString takes the place of the query: an object, or a function of it', async t => {
  const object = await replying(t, { queryString: { a: 1, b: 'x y' } })
  t.equal((await echoOf(await object('/api/x?c=1'))).url, '/x?a=1&b=x%20y')
  t.equal((await echoOf(await object('/api'))).url, '/?a=1&b=x%20y')
  const none = await replying(t, { queryString: {} })
  t.equal((await echoOf(await none('/api/x?c=1'))).url, '/x')
  const seen: unknown[] = []
  const func = await replying(t, {
    queryString: (search, url, request) => {
      seen.push([search, url, request.method])
      return search === '' ? '' : `was=${encodeURIComponent(String(search))}`
    }
  })
  t.equal((await echoOf(await func('/api/x?c=1&d'))).url, '/x?was=c%3D1%26d')
  t.equal((await echoOf(await func('/api/x'))).url, '/x')
  t.same(seen, [['c=1&d', '/api/x?c=1&d', 'GET'], ['', '/api/x', 'GET']])
})

t.test('body takes the place of the body, as JSON or of its own type, every time', async t => {
  const json = await replying(t, { body: { fixed: true } })
  const text = await replying(t, { body: 'fixed', contentType: 'text/plain; charset=utf-8' })
  const none = await replying(t, { body: null })
  for (let i = 0; i < 3; i++) {
    const options = { method: 'POST', body: '<client/>', headers: { 'content-type': 'application/xml' } } as const
    t.match(await echoOf(await json('/api/x', options)), { sha256: sha256(Buffer.from('{"fixed":true}')), headers: { 'content-type': 'application/json', 'content-length': '14' } })
    t.match(await echoOf(await text('/api/x', options)), { sha256: sha256(Buffer.from('fixed')), headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': '5' } })
    const echo = await echoOf(await none('/api/x', options))
    t.equal(echo.bytes, 0)
    t.notOk('content-type' in echo.headers)
  }
})

t.test('method takes the place of the method', async t => {
  const request = await replying(t, { method: 'PUT' })
  t.match(await echoOf(await request('/api/x', { method: 'POST', body: 'xyz' })), { method: 'PUT', bytes: 3 })
})

t.test('timeout takes the place of the timeouts of the pool', async t => {
  const { url } = await upstream(t, () => {})
  const { request } = await gateway(t, { targets: [url], timeouts: { headers: 60_000 }, replyOptions: { timeout: 50 } })
  const { statusCode, body } = await request('/')
  t.equal(statusCode, 504)
  t.match(await body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
})

t.test('an option that throws makes a 500 for that request, and the next one is served', async t => {
  const fine: Required<Pick<ReplyOptions, 'rewriteHeaders' | 'rewriteRequestHeaders' | 'queryString' | 'onResponse'>> = {
    rewriteHeaders: headers => headers,
    rewriteRequestHeaders: (_request, headers) => headers,
    queryString: () => '',
    onResponse: (_request, reply, { stream }) => { void reply.send(stream) }
  }
  for (const [option, call] of Object.entries(fine)) {
    let calls = 0
    const request = await replying(t, {
      [option]: (...args: unknown[]) => {
        if (calls++ === 0) throw new Error('of the user')
        return (call as (...args: unknown[]) => unknown)(...args)
      }
    })
    const failed = await request('/api/x')
    t.equal(failed.statusCode, 500, option)
    await failed.body.dump()
    const { statusCode, body } = await request('/api/x')
    await body.dump()
    t.equal(statusCode, 200, option)
  }
})

t.test('an option that returns something else makes a 500 that names it', async t => {
  const { url, hits } = await named(t, 'a')
  const anything = (value: unknown): never => (() => value) as never
  for (const [name, options] of [
    ['replyOptions.rewriteRequestHeaders', { replyOptions: { rewriteRequestHeaders: anything(undefined) } }],
    ['replyOptions.rewriteRequestHeaders', { replyOptions: { rewriteRequestHeaders: anything(Promise.resolve({})) } }],
    ['preRewrite', { preRewrite: anything(undefined) }],
    ['preRewrite', { preRewrite: anything(Promise.resolve('/')) }]
  ] as const) {
    const { request } = await gateway(t, { targets: [url], ...options })
    const { statusCode, body } = await request('/')
    t.equal(statusCode, 500)
    t.match(await body.json(), { code: 'FST_BALANCER_BAD_OPTION', message: new RegExp(`^${name.replace('.', '\\.')}: returned .*, must return`) })
  }
  t.equal(hits(), 0)
})
