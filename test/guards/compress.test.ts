import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import t from 'tap'
import { sha256 } from '../kit/index.js'
import { assertPassed, assertRefused, guarded } from './kit.js'

t.test('@fastify/compress packs what is forwarded, and is no way past what refuses', async t => {
  const gateway = await guarded(t, async app => {
    await app.register(compress)
    app.addHook('onRequest', async (request, reply) => request.headers['x-bad'] === undefined ? undefined : await reply.code(403).send({ why: 'x'.repeat(2000) }))
  })
  await assertRefused(t, gateway, 403, { 'x-bad': '1', 'accept-encoding': 'gzip' }, headers => { t.equal(headers['content-encoding'], 'gzip') })
  await assertPassed(t, gateway, { 'accept-encoding': 'gzip' }, headers => { t.match(headers, { 'content-encoding': 'gzip', vary: /accept-encoding/i }) })
  const packed = await gateway.request('/api/x', { headers: { 'accept-encoding': 'gzip' } })
  t.match(JSON.parse(gunzipSync(Buffer.from(await packed.body.arrayBuffer())).toString()), { path: '/x' })
})

t.test('uploads that @fastify/compress has decoded go on as what they are now', async t => {
  const text = Buffer.from(JSON.stringify({ text: 'y'.repeat(200_000) }))
  for (const proxyPayloads of [true, false]) {
    const gateway = await guarded(t, async app => { await app.register(compress) }, { proxyPayloads })
    for (const method of ['POST', 'PUT', 'DELETE', 'GET'] as const) {
      for (const [encoding, bytes] of [['gzip', gzipSync(text)], ['br', brotliCompressSync(text)], ['identity', text]] as const) {
        const { statusCode, body } = await gateway.request('/api/x', { method, body: bytes, headers: { 'content-type': 'application/json', 'content-encoding': encoding } })
        const name = `${method} ${encoding}, ${proxyPayloads ? 'unread' : 'parsed'}`
        t.equal(statusCode, 200, name)
        t.match(await body.json(), { bytes: text.length, sha256: sha256(text) }, name)
        t.equal(gateway.last()['content-encoding'], encoding === 'identity' ? encoding : undefined, name)
      }
    }
  }
})

t.test('an upload goes on encoded as it came when @fastify/compress is not to decode it', async t => {
  const gateway = await guarded(t, async app => { await app.register(compress, { globalDecompression: false }) })
  const packed = gzipSync(Buffer.alloc(100_000, 'z'))
  const { body } = await gateway.request('/api/x', { method: 'POST', body: packed, headers: { 'content-encoding': 'gzip' } })
  t.match(await body.json(), { sha256: sha256(packed) })
  t.match(gateway.last(), { 'content-encoding': 'gzip', 'content-length': String(packed.length) })
})

t.test('an upload that can not be decoded is a 400, and its target is not blamed', async t => {
  const gateway = await guarded(t, async app => { await app.register(compress) })
  const { statusCode, body } = await gateway.request('/api/x', { method: 'POST', body: 'no gzip at all', headers: { 'content-encoding': 'gzip' } })
  await body.dump()
  t.equal(statusCode, 400)
  t.match(gateway.app.upstreams['api']?.targets[0], { inFlight: 0, counters: { faults: 0 } })
})
