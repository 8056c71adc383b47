import { request } from 'undici'
import t from 'tap'
import { gateway, named, sha256, type Echo } from '../kit/index.js'

t.test('with proxyPayloads: false the app reads the body, hooks see it, and what it became goes on', async t => {
  const { url } = await named(t, 'a')
  const seen: unknown[] = []
  const { url: origin } = await gateway(t, {
    targets: [url],
    proxyPayloads: false,
    preHandler: async request => { seen.push(request.body) }
  })
  const response = await request(origin, { method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' }, body: ' { "a" : 1.0 } ' })
  const echo = await response.body.json() as Echo
  t.same(seen, [{ a: 1 }])
  t.equal(echo.sha256, sha256(Buffer.from('{"a":1}')))
  t.match(echo, { bytes: 7, headers: { 'content-type': 'application/json', 'content-length': '7' } })
})

t.test('with proxyPayloads: false a hook may change the body', async t => {
  const { url } = await named(t, 'a')
  const { url: origin } = await gateway(t, {
    targets: [url],
    proxyPayloads: false,
    preHandler: async request => { request.body = { ...request.body as object, by: 'hook' } }
  })
  const response = await request(origin, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' })
  t.equal((await response.body.json() as Echo).sha256, sha256(Buffer.from('{"a":1,"by":"hook"}')))
})

t.test('with proxyPayloads: false JSON that is false, or next to nothing, is sent all the same', async t => {
  const { url } = await named(t, 'a')
  const { url: origin } = await gateway(t, { targets: [url], proxyPayloads: false })
  for (const body of ['null', 'false', '0', '""', '{}', '[]']) {
    const response = await request(origin, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const echo = await response.body.json() as Echo
    t.same([echo.bytes, echo.sha256, echo.headers['content-length']], [body.length, sha256(Buffer.from(body)), String(body.length)], body)
  }
  const none = await request(origin, { method: 'POST' })
  t.match(await none.body.json(), { bytes: 0 })
  const empty = await request(origin, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '' })
  t.match(await empty.body.json(), { bytes: 0, headers: { 'content-type': 'text/plain' } })
})

t.test('with proxyPayloads: false the app decides what it reads and how much of it', async t => {
  const { url, hits } = await named(t, 'a')
  const { url: origin } = await gateway(t, {
    targets: [url],
    proxyPayloads: false,
    httpMethods: ['POST'],
    bodyLimit: 10,
    schema: { body: { type: 'object', required: ['a'] } }
  })
  const post = async (type: string, body: string): Promise<number> => {
    const response = await request(origin, { method: 'POST', headers: { 'content-type': type }, body })
    await response.body.dump()
    return response.statusCode
  }
  t.equal(await post('application/xml', '<a/>'), 415)
  t.equal(await post('application/json', '{"a":'), 400)
  t.equal(await post('application/json', '{"b":1}'), 400)
  t.equal(await post('application/json', '{"a":"too long"}'), 413)
  t.equal(hits(), 0)
  t.equal(await post('application/json', '{"a":1}'), 200)
  t.equal(hits(), 1)
})

t.test('with proxyPayloads: true bodyLimit does not apply', async t => {
  const { url } = await named(t, 'a')
  const { url: origin } = await gateway(t, { targets: [url], bodyLimit: 10 }, { bodyLimit: 5 })
  const response = await request(origin, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify('x'.repeat(2 << 20)) })
  t.equal(response.statusCode, 200)
  t.equal((await response.body.json() as Echo).bytes, (2 << 20) + 2)
})
