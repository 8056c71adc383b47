import { Readable } from 'node:stream'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { request } from 'undici'
import balancer from '../../lib/index.js'
import { logged, named, sha256, type Echo } from '../kit/index.js'

const BOUNDARY = '----boundary7MA4YWxk'
const bodies: Array<[type: string | undefined, body: string | Buffer]> = [
  ['application/xml', '<?xml version="1.0"?><a>é</a>'],
  ['application/x-www-form-urlencoded', 'a=1&a=2&b=%20+&c'],
  ['Application/X-WWW-Form-URLEncoded; Charset=UTF-8', 'q=é'],
  [`multipart/form-data; boundary=${BOUNDARY}`, `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n\x00\x01\r\n--${BOUNDARY}--\r\n`],
  ['application/vnd.api+json; charset=utf-8', '{"data": {"type": "articles"}}'],
  ['application/octet-stream', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  [undefined, 'no type at all'],
  ['application/json', '{"invalid":'],
  ['application/json', 'null'],
  ['application/json', 'false'],
  ['application/json', '0'],
  ['application/json', '""'],
  ['application/json', '{}'],
  ['application/json', ''],
  ['application/json; charset=utf-8', ' {"id": 9007199254740993, "price": 1.0, "__proto__": {"a": 1}} '],
  ['text/plain; charset=iso-8859-1', Buffer.from('caf\xe9', 'latin1')],
  ['text/plain', ''],
  ['application/json', `[${'1234567890,'.repeat(30_000)}0]`]
]

/** Sends every body to `/api` and compares what arrives with what was sent. */
async function assertUntouched (t: Test, origin: string): Promise<void> {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    for (const [type, body] of bodies) {
      for (const chunked of [false, true]) {
        const bytes = Buffer.from(body)
        const response = await request(`${origin}/api/x`, {
          method,
          headers: type === undefined ? {} : { 'content-type': type },
          body: chunked ? Readable.from([bytes.subarray(0, 3), bytes.subarray(3)], { objectMode: false }) : bytes
        })
        const echo = await response.body.json() as Echo
        const what = `${method} ${type} ${bytes.length} bytes${chunked ? ' in chunks' : ''}`
        t.equal(response.statusCode, 200, what)
        t.same([echo.method, echo.headers['content-type'], echo.bytes, echo.sha256], [method, type, bytes.length, sha256(bytes)], what)
      }
    }
  }
}

async function listening (t: Test, build: (app: FastifyInstance, target: string) => Promise<void>): Promise<string> {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await build(app, url)
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

async function ours (app: FastifyInstance, target: string): Promise<void> {
  await app.register(balancer, { prefix: '/api', targets: [target] })
}

t.test('every body arrives as the bytes that were sent, with its type', async t => {
  await assertUntouched(t, await listening(t, ours))
})

async function withParsers (app: FastifyInstance): Promise<void> {
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => { done(null, { own: JSON.parse(String(body)) as unknown }) })
  app.addContentTypeParser(/^application\/vnd/, { parseAs: 'string' }, (_request, body, done) => { done(null, { vendor: body }) })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, { other: (body as Buffer).length }) })
  await app.register(formbody)
  await app.register(multipart, { attachFieldsToBody: true })
  app.post('/own', async request => request.body)
}

async function assertOwnParsers (t: Test, origin: string): Promise<void> {
  for (const [type, body, parsed] of [
    ['application/json', '{"a":1}', { own: { a: 1 } }], ['application/vnd.api+json', '{}', { vendor: '{}' }],
    ['application/x-www-form-urlencoded', 'a=1', { a: '1' }], ['application/xml', '<a/>', { other: 4 }]
  ] as const) {
    const response = await request(`${origin}/own`, { method: 'POST', headers: { 'content-type': type }, body })
    t.same(await response.body.json(), parsed, type)
  }
}

t.test('parsers that the app has before the plugin neither see the bodies nor are disturbed', async t => {
  const origin = await listening(t, async (app, target) => {
    await withParsers(app)
    await ours(app, target)
  })
  await assertUntouched(t, origin)
  await assertOwnParsers(t, origin)
})

t.test('parsers that the app adds after the plugin neither see the bodies nor are disturbed', async t => {
  const origin = await listening(t, async (app, target) => {
    await ours(app, target)
    await withParsers(app)
  })
  await assertUntouched(t, origin)
  await assertOwnParsers(t, origin)
})

t.test('a parser of a nested scope is its own affair', async t => {
  const origin = await listening(t, async (app, target) => {
    await app.register(async scope => {
      await withParsers(scope as FastifyInstance)
      await ours(scope as FastifyInstance, target)
    })
    app.post('/plain', async request => request.body)
  })
  await assertOwnParsers(t, origin)
  const plain = await request(`${origin}/plain`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"b":2}' })
  t.same(await plain.body.json(), { b: 2 })
  const sent = await request(`${origin}/api`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{ "b" : 2 }' })
  t.equal((await sent.body.json() as Echo).sha256, sha256(Buffer.from('{ "b" : 2 }')))
})
