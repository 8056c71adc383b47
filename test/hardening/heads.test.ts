import t from 'tap'
import { gateway } from '../kit/index.js'
import { answeringEach, ok, rawClient, rawServer, values, type RawRequest, type RawServer } from '../kit/raw.js'

const NEXT = 'GET /next HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n'

async function setup (t: Parameters<typeof rawServer>[0]): Promise<{ upstream: RawServer, port: number }> {
  const upstream = await rawServer(t, answeringEach(({ target }) => target === '/streamed'
    ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nKeep-Alive: timeout=600\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'
    : ok(target.slice(0, 20), 'Connection: keep-alive\r\nKeep-Alive: timeout=600\r\n')))
  const { port } = await gateway(t, { targets: [upstream.url] })
  return { upstream, port }
}

t.test('what is too large is 431, and nothing of it goes on', async t => {
  const { upstream, port } = await setup(t)
  for (const [what, bytes] of Object.entries({
    'a field of 100 KB': `GET /a HTTP/1.1\r\nHost: gateway\r\nX-A: ${'x'.repeat(100_000)}\r\n\r\n`,
    '100 fields of 1 KB': `GET /a HTTP/1.1\r\nHost: gateway\r\n${`X-A: ${'x'.repeat(1000)}\r\n`.repeat(100)}\r\n`,
    'a name of 100 KB': `GET /a HTTP/1.1\r\nHost: gateway\r\n${'x'.repeat(100_000)}: a\r\n\r\n`,
    'a target of 100 KB': `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: gateway\r\n\r\n`,
    '5000 fields': `GET /a HTTP/1.1\r\nHost: gateway\r\n${'A: b\r\n'.repeat(5000)}\r\n`
  })) {
    const client = await rawClient(t, port)
    await client.send(bytes)
    t.equal((await client.response())?.status, 431, what)
    await client.ended()
  }
  t.same([upstream.requests(), upstream.violations()], [[], []])
})

t.test('what is long passes whole', async t => {
  const { upstream, port } = await setup(t)
  const path = `/${'x'.repeat(8000)}`
  for (const [what, bytes, check] of [
    ['a target of 8 KB', `GET ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`, ({ target }: RawRequest) => target === path],
    ['a field of 12 KB', `GET /a HTTP/1.1\r\nHost: gateway\r\nX-A: ${'x'.repeat(12_000)}\r\n\r\n`, ({ fields }: RawRequest) => values(fields, 'x-a')[0]?.length === 12_000],
    ['500 names', `GET /a HTTP/1.1\r\nHost: gateway\r\n${Array.from({ length: 500 }, (_, i) => `X-${i}: ${i}\r\n`).join('')}\r\n`,
      ({ fields }: RawRequest) => Array.from({ length: 500 }, (_, i) => values(fields, `x-${i}`)[0] === String(i)).every(Boolean)],
    ['500 fields of one name', `GET /a HTTP/1.1\r\nHost: gateway\r\n${'X-A: b\r\n'.repeat(500)}\r\n`,
      ({ fields }: RawRequest) => values(fields, 'x-a').join(', ').split(', ').length === 500]
  ] as const) {
    const client = await rawClient(t, port)
    await client.send(bytes + NEXT)
    t.same((await client.responses('GET', 'GET')).map(({ status }) => status), [200, 200], what)
    t.ok(upstream.requests().some(check), `${what}, whole`)
  }
  t.same(upstream.violations(), [])
})

t.test('a length or a coding behind thousands of fields still counts', async t => {
  const { upstream, port } = await setup(t)
  for (const [framing, body] of [['Content-Length: 2', 'hi'], ['Transfer-Encoding: chunked', '2\r\nhi\r\n0\r\n\r\n']] as const) {
    const path = `/${framing.slice(0, 8)}`
    const client = await rawClient(t, port)
    await client.send(`POST ${path} HTTP/1.1\r\nHost: gateway\r\n${'A:\r\n'.repeat(2500)}${framing}\r\n\r\n${body}${NEXT}`)
    const statuses = (await client.responses('GET', 'GET')).map(({ status }) => status)
    const bodies = upstream.requests().filter(({ target }) => target === path).map(({ body }) => body)
    t.ok((statuses[0] ?? 0) >= 400 ? bodies.length === 0 : bodies.join() === 'hi', `${framing}: ${statuses.join()}, upstream ${JSON.stringify(bodies)}`)
  }
  t.same(upstream.violations(), [])
})

t.test('HTTP/1.0 gets no chunks, and the end that it expects', async t => {
  const { upstream, port } = await setup(t)
  for (const [what, bytes, framing, ends] of [
    ['no field at all', 'GET /a HTTP/1.0\r\n\r\n', 'length', true],
    ['no field at all, streamed', 'GET /streamed HTTP/1.0\r\n\r\n', 'close', true],
    ['Connection: close', 'GET /streamed HTTP/1.0\r\nConnection: close\r\n\r\n', 'close', true],
    ['keep-alive, streamed', 'GET /streamed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'close', true],
    ['keep-alive', 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'length', false]
  ] as const) {
    const client = await rawClient(t, port)
    await client.send(bytes)
    const response = await client.response()
    t.same([response?.status, response?.framing, response?.body], [200, framing, framing === 'length' ? '/a' : 'abcdef'], what)
    if (!ends) await client.send(NEXT)
    if (!ends) t.equal((await client.response())?.body, '/next')
    t.equal(await client.ended(), 'end')
    t.equal(client.unfinished, '')
  }
  t.same(upstream.violations(), [])
})

t.test("a connection lasts for as long as its client wishes, not as the upstream's", async t => {
  const { port } = await setup(t)
  for (const target of ['/a', '/streamed']) {
    const client = await rawClient(t, port)
    await client.send(`GET ${target} HTTP/1.1\r\nHost: gateway\r\n\r\n`)
    const first = await client.response()
    t.not(values(first?.fields ?? [], 'keep-alive')[0], 'timeout=600', "the upstream's own stays there")
    t.equal(client.ending, undefined)
    await client.send(`GET ${target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`)
    const begun = performance.now()
    t.same(values((await client.response())?.fields ?? [], 'connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.ok(performance.now() - begun < 3000, 'at once, and not after the keep-alive timeout')
  }
})

t.test('fields of one connection do not get to the next', async t => {
  const { upstream, port } = await setup(t)
  for (const [field, name, sent] of [
    ['Proxy-Connection: keep-alive', 'proxy-connection', undefined],
    ['Keep-Alive: timeout=5', 'keep-alive', undefined],
    ['Upgrade: h2c', 'upgrade', undefined],
    ['HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA', 'http2-settings', undefined],
    ['Proxy-Authorization: Basic eA==', 'proxy-authorization', undefined],
    ['TE: gzip', 'te', undefined],
    ['TE: trailers', 'te', 'trailers'],
    ['TE: gzip;q=0.5, trailers', 'te', 'trailers'],
    ['Trailer: X-T', 'trailer', undefined],
    ['X-A: b\r\nConnection: x-a', 'x-a', undefined]
  ] as const) {
    const client = await rawClient(t, port)
    await client.send(`GET /a HTTP/1.1\r\nHost: gateway\r\n${field}\r\n\r\n`)
    t.equal((await client.response())?.status, 200, field)
    const request = upstream.requests().at(-1)
    t.equal(values(request?.fields ?? [], name)[0], sent, `${field} is ${sent ?? 'not sent'}`)
    client.destroy()
  }
  t.same(upstream.violations(), [])
})
