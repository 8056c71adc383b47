import t, { type Test } from 'tap'
import type { BalancerOptions } from '../../lib/index.js'
import { answering, gateway, rawUpstream, REFUSING, until, upstream, type Gateway } from '../kit/index.js'

interface Case {
  readonly what: string
  readonly url: (t: Test) => Promise<string>
  readonly status: number
  readonly code: string
  /** Code of the error behind it, or how its message begins. */
  readonly cause: string
}

const CASES: readonly Case[] = [
  { what: 'a refused connection', url: async () => REFUSING, status: 502, code: 'FST_BALANCER_UNREACHABLE', cause: 'ECONNREFUSED' },
  {
    what: 'a failed TLS handshake',
    url: async t => (await rawUpstream(t, socket => { socket.end('no TLS here') })).replace('http', 'https'),
    status: 502,
    code: 'FST_BALANCER_UNREACHABLE',
    cause: 'ERR_SSL_WRONG_VERSION_NUMBER'
  },
  { what: 'a reset', url: async t => await answering(t, '', 'reset'), status: 502, code: 'FST_BALANCER_FAILED', cause: 'ECONNRESET' },
  { what: 'a connection that ends without an answer', url: async t => await answering(t, '', 'end'), status: 502, code: 'FST_BALANCER_FAILED', cause: 'UND_ERR_SOCKET' },
  { what: 'junk', url: async t => await answering(t, 'SSH-2.0-OpenSSH\r\n'), status: 502, code: 'FST_BALANCER_FAILED', cause: 'Response does not match the HTTP/1.1 protocol' },
  { what: 'a status that does not exist', url: async t => await answering(t, 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 'end'), status: 502, code: 'FST_BALANCER_FAILED', cause: 'status 999' },
  { what: 'a streamed answer with a status that does not exist', url: async t => await answering(t, 'HTTP/1.1 600 Odd\r\n\r\nhi', 'end'), status: 502, code: 'FST_BALANCER_FAILED', cause: 'status 600' },
  {
    what: 'a connect timeout',
    url: async t => (await rawUpstream(t, () => {})).replace('http', 'https'),
    status: 504,
    code: 'FST_BALANCER_CONNECT_TIMEOUT',
    cause: 'UND_ERR_CONNECT_TIMEOUT'
  },
  { what: 'a headers timeout', url: async t => await rawUpstream(t, () => {}), status: 504, code: 'FST_BALANCER_HEADERS_TIMEOUT', cause: 'UND_ERR_HEADERS_TIMEOUT' },
  {
    what: 'a small body that stops coming',
    url: async t => await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    status: 504,
    code: 'FST_BALANCER_IDLE_TIMEOUT',
    cause: 'UND_ERR_BODY_TIMEOUT'
  }
]

const TIMEOUTS = { connect: 150, headers: 200, idle: 200 }

/** Only the case that is about it may run into the connect timeout, however busy the machine is. */
function timeouts (code: string): typeof TIMEOUTS {
  return code === 'FST_BALANCER_CONNECT_TIMEOUT' ? TIMEOUTS : { ...TIMEOUTS, connect: 10_000 }
}

/** Neither an address nor a port nor the system's words for an error. */
function assertTellsNothing (t: Test, url: string, body: string): void {
  const { hostname, port } = new URL(url)
  t.notOk(body.includes(hostname), body)
  t.notMatch(body, new RegExp(`\\b${port}\\b`))
  t.notMatch(body, /\bE[A-Z]{5,}\b|UND_ERR|HPE_|SSL|connect |errno|undici|at .*\.js/)
}

for (const { what, url: start, status, code, cause } of CASES) {
  t.test(`${what} is a ${status} that names no upstream`, async t => {
    const url = await start(t)
    const { app, request } = await gateway(t, { name: 'pool', targets: [url], timeouts: timeouts(code) })
    const begun = performance.now()
    for (const method of ['GET', 'POST'] as const) {
      const response = await request('/some/path', { method, body: method === 'POST' ? 'x' : null })
      const body = await response.body.text()
      t.equal(response.statusCode, status)
      t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
      t.match(JSON.parse(body), { statusCode: status, code, error: String, message: String })
      assertTellsNothing(t, url, body)
    }
    t.ok(performance.now() - begun < 8000, 'timeouts of 0.2 s are kept within seconds')
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0 })
  })

  t.test(`an error handler of the app sees what is behind ${what}`, async t => {
    const url = await start(t)
    const errors: Array<Error & { code?: string, statusCode?: number }> = []
    const { request } = await gateway(t, { targets: [url], timeouts: TIMEOUTS }, {
      before: app => app.setErrorHandler(async (error: Error, _request, reply) => {
        errors.push(error)
        await reply.code(418).send({ mine: true })
      })
    })
    const response = await request('/')
    t.equal(response.statusCode, 418)
    t.same(await response.body.json(), { mine: true })
    t.match(errors, [{ code, statusCode: status, cause: Error }])
    const behind = errors[0]?.cause as NodeJS.ErrnoException
    t.ok((behind.code ?? behind.message).startsWith(cause), behind.message)
  })
}

t.test('no target that may be used is a 503', async t => {
  const good = await upstream(t, (_request, response) => { response.end() })
  const { app, request } = await gateway(t, { name: 'pool', targets: [good.url] })
  app.upstreams['pool']?.drain(good.url)
  const response = await request('/')
  const body = await response.body.text()
  t.equal(response.statusCode, 503)
  t.match(JSON.parse(body), { statusCode: 503, code: 'FST_BALANCER_NO_TARGET' })
  assertTellsNothing(t, good.url, body)
  t.equal(good.hits(), 0)
})

t.test('replyOptions.onError gets the error and answers for it', async t => {
  const errors: Error[] = []
  const { request } = await gateway(t, {
    targets: [REFUSING],
    replyOptions: {
      onError (reply, { error }) {
        errors.push(error)
        void (reply as unknown as { code: (status: number) => { send: (body: unknown) => void } }).code(599).send('mine')
      }
    }
  })
  const response = await request('/')
  t.equal(response.statusCode, 599)
  t.equal(await response.body.text(), 'mine')
  t.match(errors, [{ code: 'FST_BALANCER_UNREACHABLE', cause: { code: 'ECONNREFUSED' } }])
})

/** Options of a user that throw, and the targets that get the request as far as to them. */
const THROWING: Record<string, { options: BalancerOptions, body: string | undefined }> = {
  'onError throws': { options: { replyOptions: { onError () { throw new Error('mine') } } }, body: undefined },
  'rewriteHeaders throws on a small answer': { options: { replyOptions: { rewriteHeaders () { throw new Error('mine') } } }, body: 'Content-Length: 2\r\n\r\nhi' },
  'rewriteHeaders throws on a streamed answer': { options: { replyOptions: { rewriteHeaders () { throw new Error('mine') } } }, body: 'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n' },
  'onResponse throws on a small answer': { options: { replyOptions: { onResponse () { throw new Error('mine') } } }, body: 'Content-Length: 2\r\n\r\nhi' },
  'onResponse throws on a streamed answer': { options: { replyOptions: { onResponse () { throw new Error('mine') } } }, body: 'Content-Length: 99999\r\n\r\nhi' }
}

for (const [what, { options, body }] of Object.entries(THROWING)) {
  t.test(`when ${what} the client gets a 500 and the target no blame for it`, async t => {
    const url = body === undefined ? REFUSING : await answering(t, `HTTP/1.1 200 OK\r\n${body}`)
    const { app, request } = await gateway(t, { name: 'pool', targets: [url], ...options } as BalancerOptions)
    const response = await request('/')
    t.equal(response.statusCode, 500)
    t.match(await response.body.json(), { message: 'mine' })
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { faults: body === undefined ? 1 : 0 } })
  })
}

t.test('a streamed answer that stops coming cuts the client off after the idle timeout', async t => {
  const url = await answering(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
  const gate: Gateway = await gateway(t, { name: 'pool', targets: [url], timeouts: TIMEOUTS })
  const response = await gate.request('/')
  t.equal(response.statusCode, 200)
  await t.rejects(response.body.text(), 'the body ends with the connection and not as if it were whole')
  await until(() => gate.log.some(({ msg }) => msg === 'request could not be forwarded'))
  t.match(gate.log.find(({ msg }) => msg === 'request could not be forwarded'), { err: { code: 'FST_BALANCER_IDLE_TIMEOUT' } })
  t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { broken: 1, faults: 1 } })
})

t.test('a slow answer in which no pause is longer than the idle timeout is not cut', async t => {
  const slow = await upstream(t, (_request, response) => {
    let left = 20
    const timer = setInterval(() => {
      response.write('x')
      if (--left > 0) return
      clearInterval(timer)
      response.end()
    }, 100)
  })
  const { request } = await gateway(t, { targets: [slow.url], timeouts: { idle: 1500 } })
  t.equal(await (await request('/')).body.text(), 'x'.repeat(20))
})

t.test('a field that a hook made up and that can not be sent is a 400 and nobody\'s fault', async t => {
  const targets = await Promise.all([1, 2].map(async () => await upstream(t, (_request, response) => { response.end() })))
  const { app, request } = await gateway(t, {
    name: 'pool',
    targets: targets.map(({ url }) => url),
    replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-made-up': 'a\r\nb: c' }) }
  })
  const response = await request('/')
  t.equal(response.statusCode, 400)
  t.match(await response.body.json(), { code: 'FST_BALANCER_BAD_REQUEST' })
  t.same(targets.map(target => target.hits()), [0, 0])
  t.same(app.upstreams['pool']?.targets.map(({ inFlight, counters }) => [inFlight, counters.faults]), [[0, 0], [0, 0]])
})
