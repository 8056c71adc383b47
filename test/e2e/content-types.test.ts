import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import { gateway, named, upstream, type Echo } from '../kit/index.js'
import { values } from '../kit/raw.js'
import { through } from '../kit/through.js'

/** What Fastify can make nothing of, and some that it can. */
const types = [
  'foo', '', 'text/plain, text/html', ';;', ';', '/', 'a/', '/b', 'text/plain/x', 'text /plain', 'application/json; charset', 'x'.repeat(4000), `text/plain; a="${'x'.repeat(4000)}"`,
  'text/caf\xe9', '\xff', '"text/plain"', 'undefined', 'null', '__proto__', 'text/plain;', 'text/plain; charset=utf-8', 'application/json', 'multipart/form-data'
]
const body = '{"not":'

t.test('a body of any type is sent with that type, byte for byte', async t => {
  const send = await through(t)
  for (const type of types) {
    for (const [method, framing, raw] of [
      ['POST', `Content-Length: ${body.length}`, body], ['PUT', 'Transfer-Encoding: chunked', `7\r\n${body}\r\n0\r\n\r\n`],
      ['DELETE', `Content-Length: ${body.length}`, body], ['PATCH', `Content-Length: ${body.length}`, body], ['OPTIONS', `Content-Length: ${body.length}`, body]
    ] as const) {
      const { got, answer } = await send([`${method} /x HTTP/1.1`, 'Host: shop.test', `Content-Type: ${type}`, framing], raw)
      t.same([answer.status, got?.method, got?.body, values(got?.fields ?? [], 'content-type')], [200, method, body, [type]], `${method} ${type.slice(0, 40)}`)
    }
  }
})

t.test('a request without a body keeps its type and gets no body', async t => {
  const send = await through(t)
  for (const type of types) {
    for (const [method, framing] of [['DELETE', undefined], ['POST', 'Content-Length: 0'], ['DELETE', 'Content-Length: 0'], ['GET', undefined], ['OPTIONS', undefined]] as const) {
      const { got, answer } = await send([`${method} /x HTTP/1.1`, 'Host: shop.test', `Content-Type: ${type}`, ...(framing === undefined ? [] : [framing])])
      const what = `${method} ${framing} ${type.slice(0, 40)}`
      t.same([answer.status, got?.method, got?.body, values(got?.fields ?? [], 'content-type')], [200, method, '', [type]], what)
      t.same(values(got?.fields ?? [], 'transfer-encoding'), [], what)
      // Without a body the length of a DELETE says nothing, and undici leaves it out.
      if (method === 'POST') t.same(values(got?.fields ?? [], 'content-length'), ['0'], what)
    }
  }
})

t.test('a request has no body for hooks when none was announced, whatever its type', async t => {
  const bodies: unknown[] = []
  const send = await through(t, { preHandler: async request => { bodies.push(request.body) } })
  for (const type of ['application/json', 'foo']) {
    await send(['DELETE /x HTTP/1.1', 'Host: shop.test', `Content-Type: ${type}`])
    await send(['POST /x HTTP/1.1', 'Host: shop.test', `Content-Type: ${type}`, 'Content-Length: 0'])
    await send(['POST /x HTTP/1.1', 'Host: shop.test', `Content-Type: ${type}`, 'Transfer-Encoding: chunked'], '0\r\n\r\n')
  }
  const stream = 'a stream'
  t.strictSame(bodies.map(body => body instanceof Readable ? stream : body), [undefined, undefined, stream, undefined, undefined, stream])
})

t.test('a body without a type is sent without one', async t => {
  const send = await through(t)
  const { got } = await send(['POST /x HTTP/1.1', 'Host: shop.test', `Content-Length: ${body.length}`], body)
  t.same([got?.body, values(got?.fields ?? [], 'content-type')], [body, []])
})

t.test('every hook sees the type and the framing that came', async t => {
  const { url } = await named(t, 'a')
  const seen: Array<[hook: string, type: unknown, encoding: unknown]> = []
  const note = (hook: string) => async (request: FastifyRequest): Promise<void> => { seen.push([hook, request.headers['content-type'], request.headers['transfer-encoding']]) }
  const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend', 'onResponse'] as const
  const { request, app } = await gateway(t, {
    targets: [url],
    preParsing: [note('own preParsing'), note('own preParsing too')] as never,
    preValidation: note('own preValidation'),
    schema: { headers: { type: 'object', required: ['content-type'] } }
  }, { before: app => { for (const hook of hooks) app.addHook(hook as 'onRequest', note(hook)) } })
  const done = new Promise<void>(resolve => { app.server.once('request', (_request, response) => response.once('close', resolve)) })
  const { statusCode, body } = await request('/x', { method: 'DELETE', headers: { 'content-type': 'foo' } })
  t.equal(statusCode, 200)
  await body.dump()
  await done
  t.strictSame(seen.map(([, ...fields]) => fields), seen.map(() => ['foo', undefined]))
  t.same(seen.map(([hook]) => hook).slice(0, 7), ['onRequest', 'preParsing', 'own preParsing', 'own preParsing too', 'preValidation', 'own preValidation', 'preHandler'])
})

t.test('a preParsing option may be one function, and gives the body that is sent', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, {
    targets: [url],
    preParsing: (incoming, _reply, payload, done) => {
      payload.resume()
      delete incoming.headers['content-length']
      done(null, Readable.from([Buffer.from('other')]) as never)
    }
  })
  const echo = await (await request('/x', { method: 'POST', headers: { 'content-type': 'foo' }, body: 'given' })).body.json() as Echo
  t.match(echo, { bytes: 5, headers: { 'content-type': 'foo' } })
  t.equal(echo.sha256, (await (await request('/x', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'given' })).body.json() as Echo).sha256)
})

t.test('methods that the app has added keep their type, with a body or without', async t => {
  const types: unknown[] = []
  const { url } = await upstream(t, (request, response) => {
    types.push([request.method, request.headers['content-type'], request.headers['transfer-encoding']])
    response.end('ok')
  })
  const { request } = await gateway(t, { targets: [url], httpMethods: ['PROPFIND', 'MKCOL'] }, {
    before: app => { app.addHttpMethod('PROPFIND', { hasBody: true }).addHttpMethod('MKCOL') }
  })
  for (const method of ['PROPFIND', 'MKCOL'] as const) {
    const { statusCode, body } = await request('/x', { method: method as 'GET', headers: { 'content-type': 'foo' } })
    t.equal(statusCode, 200, method)
    await body.dump()
  }
  t.strictSame(types, [['PROPFIND', 'foo', undefined], ['MKCOL', 'foo', undefined]])
})

t.test('the app\'s own routes, and bodies that are parsed, are still Fastify\'s to refuse', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], proxyPayloads: false, prefix: '/parsed', routes: ['/*'] }, {
    before: (app: FastifyInstance) => { app.post('/own', async () => 'own') }
  })
  for (const path of ['/own', '/parsed/x']) {
    const { statusCode, body } = await request(path, { method: 'POST', headers: { 'content-type': 'foo' }, body: 'x' })
    t.equal(statusCode, 415, path)
    await body.dump()
  }
})
