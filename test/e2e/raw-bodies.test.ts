import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { gateway, named, sha256, type Echo } from '../kit/index.js'

t.test('a preParsing hook may read a body and hand it on, and what goes on is what came, with its type', async t => {
  const { url } = await named(t, 'a')
  const seen: Buffer[] = []
  const { request } = await gateway(t, {
    targets: [url],
    preParsing: async (_request, _reply, payload) => {
      const bytes = await buffer(payload)
      seen.push(bytes)
      return Readable.from([bytes]) as never
    }
  })
  for (const [type, bytes] of [
    ['application/json', Buffer.from(' {"id": 9007199254740993, "price": 1.0} ')],
    ['application/json; charset=utf-8', Buffer.from('null')],
    ['text/plain; charset=iso-8859-1', Buffer.from('caf\xe9', 'latin1')],
    ['application/xml', Buffer.from('<a/>')],
    ['multipart/form-data; boundary=x', Buffer.from('--x--\r\n')]
  ] as const) {
    const echo = await (await request('/', { method: 'POST', headers: { 'content-type': type }, body: bytes })).body.json() as Echo
    t.same([echo.headers['content-type'], echo.sha256], [type, sha256(bytes)], type)
    t.ok(bytes.equals(seen.at(-1) ?? Buffer.alloc(0)))
  }
})

t.test('what a parser of the app has kept as bytes goes on as them, with its type', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], proxyPayloads: false }, {
    before: app => {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 1000 }, (_request, body, done) => { done(null, body) })
    }
  })
  for (const [type, bytes] of [
    ['application/json; charset=utf-8', Buffer.from('{"id": 9007199254740993, "price": 1.0}')],
    ['application/json', Buffer.from('null')],
    ['multipart/form-data; boundary=x', Buffer.from('--x--\r\n')],
    ['text/plain; charset=iso-8859-1', Buffer.from('caf\xe9', 'latin1')]
  ] as const) {
    const echo = await (await request('/', { method: 'POST', headers: { 'content-type': type }, body: bytes })).body.json() as Echo
    t.same([echo.headers['content-type'], echo.headers['content-length'], echo.sha256], [type, String(bytes.length), sha256(bytes)], type)
  }
  const { statusCode, body } = await request('/', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(1001) })
  t.equal(statusCode, 413)
  await body.dump()
})
