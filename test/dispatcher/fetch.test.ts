import t from 'tap'
import { fetch, interceptors, Request, type Dispatcher } from 'undici'
import { digest, named, REFUSING, sha256, until, upstream, type Echo } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

t.test('fetch goes through the pool and ignores the origin of its URL', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { policy: 'first', targets: [REFUSING, a.url] })
  const response = await fetch('https://elsewhere.invalid/path?x=1', { dispatcher: pool, headers: { 'x-one': '1' } })
  t.equal(response.status, 200)
  t.match(await response.json(), { method: 'GET', url: '/path?x=1', headers: { 'x-one': '1' } })
  t.match(pool.targets.map(({ counters }) => counters), [{ unsent: 1 }, { answered: 1 }])
})

t.test('the fetch that comes with Node goes through the pool as well', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { policy: 'first', targets: [REFUSING, a.url] })
  // Node's type has the dispatcher of its own undici.
  const init = { method: 'POST', body: 'hello', dispatcher: pool } as object
  const response = await globalThis.fetch('http://x/', init)
  t.match(await response.json(), { method: 'POST', bytes: 5 })
  t.equal(a.hits(), 1)
})

t.test('what fetch sends again is whole', async t => {
  const busy = await upstream(t, (request, response) => {
    void digest(request).then(() => {
      response.statusCode = 503
      response.end()
    })
  })
  const a = await named(t, 'a')
  const pool = await pooled(t, { policy: 'first', targets: [busy.url, a.url] })
  const body = Buffer.alloc(40_000, 'f')
  for (const init of [{ body }, { body: new Blob([body]) }, { body: new Blob([body]).stream(), duplex: 'half' as const }]) {
    const response = await fetch('http://x/', { method: 'PUT', dispatcher: pool, ...init })
    t.match(await response.json() as Echo, { method: 'PUT', bytes: body.length, sha256: sha256(body) })
  }
  t.equal(busy.hits(), 3)
  t.equal((await fetch('http://x/', { method: 'POST', body, dispatcher: pool })).status, 503)
  t.equal(busy.hits(), 4)
})

t.test('fetch with a Request, a streamed answer and an abort', async t => {
  let closed = false
  const target = await upstream(t, (_request, response) => {
    response.once('close', () => { closed = true })
    response.write('first')
  })
  const pool = await pooled(t, { targets: [target.url] })
  const gone = new AbortController()
  const response = await fetch(new Request('http://x/', { signal: gone.signal }), { dispatcher: pool })
  const reader = response.body?.getReader()
  t.equal(Buffer.from((await reader?.read())?.value as Uint8Array).toString(), 'first')
  gone.abort()
  await t.rejects(async () => await reader?.read(), { name: 'AbortError' })
  await until(() => closed)
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { aborted: 1 } })
})

t.test('fetch tells the code of what went wrong as its cause', async t => {
  const pool = await pooled(t, { targets: [REFUSING] })
  await t.rejects(fetch('http://x/', { dispatcher: pool }), { name: 'TypeError', cause: { code: 'FST_BALANCER_UNREACHABLE', cause: { code: 'ECONNREFUSED' } } })
})

t.test('fetch follows redirects through the pool', async t => {
  const a = await upstream(t, (request, response) => {
    if (request.url === '/there') {
      response.end('arrived')
    } else {
      response.writeHead(302, { location: '/there' })
      response.end()
    }
  })
  const pool = await pooled(t, { targets: [a.url] })
  const response = await fetch('http://x/here', { dispatcher: pool })
  t.equal(await response.text(), 'arrived')
  t.ok(response.redirected)
  t.same(leftOvers(pool), [])
})

t.test('interceptors can be composed onto it: redirect', async t => {
  for (const streamed of [false, true]) {
    const a = await upstream(t, (request, response) => {
      if (request.url === '/there') {
        request.pipe(response)
        return
      }
      response.writeHead(307, { location: '/there' })
      if (streamed) response.write('moved')
      response.end()
    })
    const pool = await pooled(t, { policy: 'first', targets: [REFUSING, a.url] })
    const redirecting = pool.compose(interceptors.redirect({ maxRedirections: 3 }))
    const { statusCode, body } = await redirecting.request({ origin: 'http://x', method: 'POST', path: '/here', body: 'kept' })
    t.equal(statusCode, 200)
    t.equal(await body.text(), 'kept')
    t.match(pool.targets.map(({ inFlight, counters }) => [inFlight, counters.attempts]), [[0, 2], [0, 2]])
  }
})

t.test('interceptors can be composed onto it: dump, responseError and one of one\'s own', async t => {
  const a = await upstream(t, (request, response) => {
    if (request.url === '/bad') response.statusCode = 400
    response.setHeader('content-type', 'text/plain')
    response.end('x'.repeat(100_000))
  })
  const pool = await pooled(t, { targets: [a.url] })
  const dumping = pool.compose(interceptors.dump({ maxSize: 1_000_000 }))
  t.equal(await (await dumping.request({ origin: 'http://x', method: 'GET', path: '/' })).body.text(), '')

  const strict = pool.compose(interceptors.responseError())
  await t.rejects(strict.request({ origin: 'http://x', method: 'GET', path: '/bad' }), { name: 'ResponseError', statusCode: 400 })

  const tagging = pool.compose((dispatch: Dispatcher['dispatch']) => (options, handler) => dispatch({ ...options, path: '/tagged' }, handler))
  let path: string | undefined
  a.server.once('request', request => { path = request.url })
  await (await tagging.request({ origin: 'http://x', method: 'GET', path: '/' })).body.dump()
  t.equal(path, '/tagged')
  t.same(leftOvers(pool), [])
})
