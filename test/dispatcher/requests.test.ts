import { once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import t from 'tap'
import { Headers } from 'undici'
import type { ExchangeOptions } from '../../lib/index.js'
import { digest, named, REFUSING, sha256, until, upstream, type Echo } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

t.test('request resolves with the answer of a target, and goes round', async t => {
  const a = await named(t, 'a')
  const b = await named(t, 'b')
  const pool = await pooled(t, { targets: [a.url, b.url] })
  const names = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const { statusCode, headers, body } = await pool.request({ method: 'GET', path: '/42?x=1' })
    t.equal(statusCode, 200)
    t.equal(headers['content-type'], 'application/json')
    const echo = await body.json() as Echo
    t.match(echo, { method: 'GET', url: '/42?x=1' })
    t.equal(echo.headers['host'], new URL(echo.name === 'a' ? a.url : b.url).host)
    t.equal(echo.headers['via'], undefined, 'it is the app that asks, nothing is forwarded')
    names.add(echo.name)
  }
  t.same([...names].sort(), ['a', 'b'])
  t.same(leftOvers(pool), [])
})

t.test('request moves on from a refused connection, and notes its attempts where it is asked to', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { policy: 'first', targets: [REFUSING, a.url] })
  const attempts: NonNullable<ExchangeOptions['attempts']> = []
  const options: ExchangeOptions = { method: 'POST', path: '/', body: 'x', attempts }
  t.equal((await pool.request(options)).statusCode, 200)
  t.match(attempts, [{ target: REFUSING, outcome: 'unsent' }, { target: a.url, outcome: 'answered', status: 200 }])
})

t.test('request with a callback', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  const name = await new Promise<unknown>((resolve, reject) => {
    pool.request({ method: 'GET', path: '/' }, (error, data) => {
      if (error === null) resolve(data.headers['x-name'])
      else reject(error)
    })
  })
  t.equal(name, 'a')
})

t.test('query, origin and a base path', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [`${a.url}/base`] })
  const { body } = await pool.request({ origin: 'http://elsewhere.invalid', method: 'GET', path: '/x', query: { a: 1, b: ['2', '3'] } })
  t.equal((await body.json() as Echo).url, '/base/x?a=1&b=2&b=3')
})

t.test('stream pipes the answer, small or not, into what its factory makes', async t => {
  const target = await upstream(t, (request, response) => {
    const size = Number(request.url?.slice(1))
    if (size < 1000) response.setHeader('content-length', size)
    response.end(Buffer.alloc(size, 's'))
  })
  const pool = await pooled(t, { targets: [target.url] })
  for (const size of [0, 10, 1_000_000]) {
    const chunks: Buffer[] = []
    let status = 0
    await pool.stream({ method: 'GET', path: `/${size}`, opaque: null }, ({ statusCode }) => {
      status = statusCode
      return new Writable({
        write (chunk: Buffer, _encoding, done) {
          chunks.push(chunk)
          // Slow enough for backpressure.
          setImmediate(done)
        }
      })
    })
    t.equal(status, 200)
    t.ok(Buffer.concat(chunks).equals(Buffer.alloc(size, 's')))
  }
  t.same(leftOvers(pool), [])
})

t.test('stream tells of a factory that throws, and blames nobody', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  await t.rejects(pool.stream({ method: 'GET', path: '/', opaque: null }, () => { throw new Error('mine') }), { message: 'mine' })
  t.same(leftOvers(pool), [])
})

t.test('pipeline is a duplex through a target', async t => {
  const target = await upstream(t, (request, response) => { request.pipe(response) })
  const pool = await pooled(t, { targets: [target.url] })
  const duplex = pool.pipeline({ method: 'POST', path: '/' }, ({ body }) => body)
  const body = Buffer.alloc(500_000, 'p')
  Readable.from([body.subarray(0, 1), body.subarray(1)]).pipe(duplex)
  t.same(await digest(duplex), { bytes: body.length, sha256: sha256(body) })
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { answered: 1 } })
})

t.test('pipeline that is destroyed ends its request without blame', async t => {
  const target = await upstream(t, request => { request.on('error', () => {}).resume() })
  const pool = await pooled(t, { targets: [target.url] })
  const duplex = pool.pipeline({ method: 'POST', path: '/' }, ({ body }) => body.pipe(new PassThrough()))
  duplex.write('x')
  await until(() => target.hits() === 1)
  duplex.destroy(new Error('mine'))
  const [error] = await once(duplex, 'error') as [Error]
  t.equal(error.message, 'mine')
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { aborted: 1 } })
})

const HEADERS: Record<string, ExchangeOptions['headers']> = {
  'a list': ['X-One', '1', 'x-two', '2', 'Idempotency-Key', 'k'],
  'an object': { 'X-One': '1', 'x-two': '2', 'Idempotency-Key': 'k', 'x-none': undefined },
  'a Map': new Map([['X-One', '1'], ['x-two', '2'], ['Idempotency-Key', 'k']]),
  Headers: new Headers({ 'X-One': '1', 'x-two': '2', 'Idempotency-Key': 'k' }) as unknown as Iterable<[string, string]>,
  'an iterator that can be read once': (function * (): Generator<[string, string]> {
    yield ['X-One', '1']
    yield ['x-two', '2']
    yield ['Idempotency-Key', 'k']
  })()
}

for (const [what, headers] of Object.entries(HEADERS)) {
  t.test(`headers given as ${what} go to the second target too`, async t => {
    const busy = await upstream(t, (_request, response) => {
      response.statusCode = 503
      response.end()
    })
    const a = await named(t, 'a')
    const pool = await pooled(t, { policy: 'first', targets: [busy.url, a.url] })
    // A POST, so that it moves on for its Idempotency-Key alone.
    const { body } = await pool.request({ method: 'POST', path: '/', headers: headers ?? null })
    t.match((await body.json() as Echo).headers, { 'x-one': '1', 'x-two': '2', 'idempotency-key': 'k', 'x-none': undefined })
    t.equal(busy.hits(), 1)
  })
}

t.test('key is what the hash policy goes by', async t => {
  const targets = await Promise.all(['a', 'b', 'c', 'd'].map(async name => await named(t, name)))
  const pool = await pooled(t, { policy: { name: 'hash', key: 'address' }, targets: targets.map(({ url }) => url) })
  const names = new Set<string>()
  for (let key = 0; key < 40; key++) {
    const seen = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const options: ExchangeOptions = { method: 'GET', path: '/', key: `user ${key}` }
      seen.add((await (await pool.request(options)).body.json() as Echo).name)
    }
    t.equal(seen.size, 1, 'a key keeps to its target')
    names.add([...seen].join())
  }
  t.equal(names.size, 4, 'keys are spread')
})
