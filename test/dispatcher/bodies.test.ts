import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import t from 'tap'
import { FormData } from 'undici'
import type { ExchangeOptions } from '../../lib/index.js'
import { ALSO_REFUSING, digest, named, REFUSING, sha256, until, upstream, type Echo } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

type Body = ExchangeOptions['body']

const BYTES = randomBytes(50_000)
const TEXT = 'grüße '.repeat(1000)

async function * pieces (): AsyncGenerator<Buffer> {
  for (let at = 0; at < BYTES.length; at += 9000) {
    yield BYTES.subarray(at, at + 9000)
    await new Promise(resolve => { setImmediate(resolve) })
  }
}

/** Every kind of body, made anew for each request; whether it can be sent a second time. */
const BODIES: Record<string, { make: () => unknown, bytes: Buffer, again: boolean }> = {
  'a string': { make: () => TEXT, bytes: Buffer.from(TEXT), again: true },
  'an empty string': { make: () => '', bytes: Buffer.alloc(0), again: true },
  nothing: { make: () => null, bytes: Buffer.alloc(0), again: true },
  'a Buffer': { make: () => BYTES, bytes: BYTES, again: true },
  'a Uint8Array over a part of its buffer': { make: () => new Uint8Array(BYTES.buffer, BYTES.byteOffset + 10, 1000), bytes: BYTES.subarray(10, 1010), again: true },
  'a Readable': { make: () => Readable.from(pieces()), bytes: BYTES, again: true },
  'a Readable of strings': { make: () => Readable.from([TEXT, TEXT]), bytes: Buffer.from(TEXT + TEXT), again: true },
  'an async generator': { make: pieces, bytes: BYTES, again: true },
  'a web stream': { make: () => new Blob([BYTES]).stream(), bytes: BYTES, again: true },
  'a Blob': { make: () => new Blob([BYTES]), bytes: BYTES, again: false }
}

for (const [what, { make, bytes, again }] of Object.entries(BODIES)) {
  t.test(`${what} is sent whole, and still whole after targets that refuse`, async t => {
    const a = await named(t, 'a')
    const pool = await pooled(t, { policy: 'first', targets: [REFUSING, ALSO_REFUSING, a.url] })
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const { body } = await pool.request({ method, path: '/', body: make() as Body })
      t.match(await body.json() as Echo, { method, bytes: bytes.length, sha256: sha256(bytes) })
    }
    t.equal(a.hits(), 4)
  })

  t.test(`${what} that was sent ${again ? 'is sent again, whole' : 'is not sent again'} after a 503`, async t => {
    const busy = await upstream(t, (request, response) => {
      void digest(request).then(() => {
        response.statusCode = 503
        response.end('busy')
      })
    })
    const a = await named(t, 'a')
    const pool = await pooled(t, { policy: 'first', targets: [busy.url, a.url] })
    const { statusCode, body } = await pool.request({ method: 'PUT', path: '/', body: make() as Body })
    t.equal(statusCode, again ? 200 : 503)
    if (again) t.match(await body.json() as Echo, { bytes: bytes.length, sha256: sha256(bytes) })
    else t.equal(await body.text(), 'busy')
    t.equal(busy.hits(), 1)
    t.equal(a.hits(), again ? 1 : 0)
  })
}

t.test('a FormData is sent as multipart, also after a target that refuses', async t => {
  let type: string | undefined
  const target = await upstream(t, (request, response) => {
    type = request.headers['content-type']
    request.pipe(response)
  })
  const pool = await pooled(t, { policy: 'first', targets: [REFUSING, target.url] })
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['content']), 'name.txt')
  const { body } = await pool.request({ method: 'POST', path: '/', body: form })
  const text = await body.text()
  t.match(type, /^multipart\/form-data; boundary=/)
  t.match(text, /name="field"\r\n\r\nvalue\r\n[^]*filename="name\.txt"[^]*content/)
})

/** Bodies that fail after a first piece has been sent. */
const FAILING: Record<string, () => unknown> = {
  'a generator that throws': async function * () {
    yield 'first'
    await new Promise(resolve => { setTimeout(resolve, 20) })
    throw new Error('mine')
  },
  'a stream that fails': () => Readable.from(FAILING['a generator that throws']?.() as AsyncIterable<string>),
  'a stream that is destroyed': () => {
    const stream = new Readable({ read () {} })
    stream.push('first')
    setTimeout(() => { stream.destroy(new Error('mine')) }, 20)
    return stream
  },
  'a stream that has failed already': () => new Readable({ read () {} }).on('error', () => {}).destroy(new Error('mine'))
}

for (const [what, make] of Object.entries(FAILING)) {
  t.test(`${what} is nobody's fault, and is not sent to anybody else`, async t => {
    const targets = await Promise.all([1, 2, 3].map(async () => await upstream(t, (request, response) => {
      request.on('error', () => {})
      request.resume().on('end', () => { response.end() })
    })))
    const pool = await pooled(t, { policy: 'first', targets: targets.map(({ url }) => url) })
    await t.rejects(pool.request({ method: 'PUT', path: '/', body: make() as Body }), { message: 'mine' })
    await until(() => pool.targets.every(({ inFlight }) => inFlight === 0))
    t.same(leftOvers(pool), [])
    t.same(pool.targets.map(({ counters }) => [counters.attempts, counters.aborted]), [[1, 1], [0, 0], [0, 0]])
    t.same(targets.slice(1).map(target => target.hits()), [0, 0])
  })
}

t.test('a generator is told to stop when its request is answered early', async t => {
  const target = await upstream(t, (_request, response) => {
    response.statusCode = 413
    response.end('too large')
  })
  const pool = await pooled(t, { targets: [target.url] })
  let stopped = false
  async function * endless (): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        yield Buffer.alloc(10_000)
        await new Promise(resolve => { setImmediate(resolve) })
      }
    } finally {
      stopped = true
    }
  }
  const { statusCode, body } = await pool.request({ method: 'POST', path: '/', body: endless() as unknown as Body })
  t.equal(statusCode, 413)
  t.equal(await body.text(), 'too large')
  await until(() => stopped)
  t.same(leftOvers(pool), [])
})

t.test('a body that undici does not take is a bad request, without blame', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  await t.rejects(pool.request({ method: 'POST', path: '/', body: 42 as unknown as Body }), { code: 'FST_BALANCER_BAD_REQUEST', statusCode: 400, cause: Error })
  t.same(leftOvers(pool), [])
  t.equal(a.hits(), 0)
})
