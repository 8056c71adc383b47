import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { named, REFUSING, upstream } from '../kit/index.js'
import { both, same } from './kit.js'

const json = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } } as const

t.test('onResponse gets the answer as a stream', async t => {
  const { url } = await upstream(t, (_request, response) => {
    response.writeHead(201, { 'content-type': 'text/plain', 'x-a': 'b' })
    response.end('answer')
  })
  const seen: unknown[] = []
  const apps = await both(t, {
    upstream: url,
    replyOptions: {
      onResponse (request: FastifyRequest, reply: FastifyReply, { statusCode, headers, stream }: { statusCode: number, headers: IncomingHttpHeaders, stream: Readable }) {
        seen.push([request.url, statusCode, headers['x-a'], typeof stream.pipe])
        void reply.code(202).header('x-own', '1').send(stream)
      }
    }
  })
  const { status, headers, text } = await same(t, apps, '/x')
  t.match([status, headers['x-own'], headers['x-a'], text], [202, '1', 'b', 'answer'])
  t.same(seen[1], seen[0])
})

t.test('onError answers', async t => {
  const errors: unknown[] = []
  const apps = await both(t, {
    upstream: REFUSING,
    replyOptions: { onError (reply: FastifyReply, { error }: { error: Error }) { errors.push(error instanceof Error); void reply.code(503).send({ own: 'words' }) } }
  })
  t.equal((await same(t, apps, '/x')).status, 503)
  t.same(errors, [true, true])
})

t.test('rewriteHeaders and rewriteRequestHeaders', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, {
    upstream: url,
    replyOptions: {
      rewriteHeaders: (headers: IncomingHttpHeaders, request: FastifyRequest) => ({ ...headers, 'x-url': request.url, etag: '"1"' }),
      rewriteRequestHeaders: (request: FastifyRequest, headers: IncomingHttpHeaders) => ({ ...headers, 'x-method': request.method, 'x-drop': undefined })
    }
  })
  const { echo, headers } = await same(t, apps, '/x?y=1', { ...json, headers: { ...json.headers, 'x-drop': '1', 'x-keep': '2' } })
  t.match([echo?.headers['x-method'], echo?.headers['x-keep'], headers['x-url'], headers['etag']], ['POST', '2', '/x?y=1', '"1"'])
})

t.test('queryString, as an object and as a function', async t => {
  const { url } = await named(t, 'a')
  for (const queryString of [{ a: 1, b: 'x y', c: ['1', '2'] }, {}, (_search: string, url: string, request: FastifyRequest) => `u=${encodeURIComponent(url)}&m=${request.method}`, () => '']) {
    const apps = await both(t, { upstream: url, prefix: '/api', replyOptions: { queryString } })
    await same(t, apps, '/api/x?c=1')
    await same(t, apps, '/api/x')
  }
})

t.test('body, contentType and method', async t => {
  const { url } = await named(t, 'a')
  for (const replyOptions of [{ body: { fixed: true } }, { body: 'fixed', contentType: 'text/plain' }, { body: { a: 1 }, method: 'PUT' }, { method: 'PATCH' }]) {
    const apps = await both(t, { upstream: url, replyOptions })
    await same(t, apps, '/x', json)
  }
})

t.test('timeout', async t => {
  const { url } = await upstream(t, () => {})
  const { theirs, ours } = await both(t, { upstream: url, replyOptions: { timeout: 100 } })
  t.same([(await theirs.ask('/x')).status, (await ours.ask('/x')).status], [504, 504])
})

t.test('a function that throws is a 500', async t => {
  const { url } = await named(t, 'a')
  for (const option of ['rewriteRequestHeaders', 'queryString']) {
    const apps = await both(t, { upstream: url, replyOptions: { [option] () { throw new Error('of the user') } } })
    t.equal((await same(t, apps, '/x')).status, 500)
  }
})

t.test('handler, with the options it is given, with others, with another path, and without an upstream', async t => {
  const { url, hits } = await named(t, 'a')
  const seen: unknown[] = []
  const apps = await both(t, {
    upstream: url,
    prefix: '/api',
    rewritePrefix: '/v2',
    replyOptions: { rewriteRequestHeaders: (_request: FastifyRequest, headers: IncomingHttpHeaders) => ({ ...headers, 'x-by': 'options' }) },
    async handler (request: FastifyRequest, reply: FastifyReply & { from: (dest: string, options: object) => FastifyReply }, dest: string, options: object) {
      seen.push([dest, Object.keys(options).includes('rewriteRequestHeaders')])
      if (dest === '/v2/own') return { own: request.url }
      if (dest === '/v2/other') return reply.from('/another', { ...options, queryString: { q: 1 } })
      return reply.from(dest, options)
    }
  })
  for (const [path, sent] of [['/api/x?y=1', '/v2/x?y=1'], ['/api/other?y=1', '/another?q=1']] as const) {
    const { echo } = await same(t, apps, path)
    t.match(echo, { url: sent, headers: { 'x-by': 'options' } })
  }
  const before = hits()
  t.same(JSON.parse((await same(t, apps, '/api/own')).text), { own: '/api/own' })
  t.equal(hits(), before)
  t.same(seen.filter((_, i) => i % 2 === 1), seen.filter((_, i) => i % 2 === 0))
  await same(t, apps, '/api/x', json)
})

t.test('a handler that throws, and one that asks for what the pool decides', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, { upstream: url, async handler () { throw Object.assign(new Error('no'), { statusCode: 418 }) } })
  t.equal((await same(t, apps, '/x')).status, 418)
  const { ours } = await both(t, {
    upstream: url,
    handler: (request: FastifyRequest, reply: FastifyReply & { from: (dest: string, options?: object) => FastifyReply }, dest: string) =>
      request.url === '/climb' ? reply.from('/x/..') : request.url === '/elsewhere' ? reply.from('http://a.test/x') : reply.from(dest, { getUpstream: () => 'http://a.test' })
  })
  t.match(await ours.ask('/x'), { status: 500, text: /FST_BALANCER_BAD_OPTION.*getUpstream: the pool chooses the target/ })
  for (const path of ['/climb', '/elsewhere']) t.match(await ours.ask(path), { status: 500, text: /reply\.from: must be given a path/ })
})
