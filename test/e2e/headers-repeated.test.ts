import t from 'tap'
import { values, type RawRequest } from '../kit/raw.js'
import { through } from '../kit/through.js'
import { gateway, named, type Echo } from '../kit/index.js'

const asking = (...fields: readonly string[]): string[] => ['GET / HTTP/1.1', 'Host: shop.test', ...fields]

function sent (got: RawRequest | undefined, name: string): string[] {
  return values(got?.fields ?? [], name)
}

t.test('repeated fields are sent as one list, in their order', async t => {
  const send = await through(t)
  const { got } = await send(asking(
    'Accept: text/html', 'X-Multi: 1', 'accept: */*;q=0.1', 'X-MULTI: 2, 3', 'Cookie: a=1', 'Cache-Control: no-cache', 'x-multi:', 'cookie: b=2; c=3',
    'Via: 1.0 a', 'Via: 1.1 b', 'TE: gzip', 'TE: trailers', 'If-Match: "a"', 'If-Match: "b"'
  ))
  t.same(sent(got, 'accept'), ['text/html, */*;q=0.1'])
  // A list may have empty items (RFC 9110 §5.6.1).
  t.same(sent(got, 'x-multi'), ['1, 2, 3,'])
  t.same(sent(got, 'cookie'), ['a=1; b=2; c=3'])
  t.same(sent(got, 'via'), ['1.0 a, 1.1 b, 1.1 fastify-balancer'])
  t.same(sent(got, 'te'), ['trailers'])
  t.same(sent(got, 'if-match'), ['"a", "b"'])
})

t.test('of fields that have one value the first is sent', async t => {
  const send = await through(t)
  for (const name of [
    'Authorization', 'Content-Type', 'User-Agent', 'Referer', 'From', 'If-Modified-Since', 'If-Unmodified-Since', 'Max-Forwards', 'Etag', 'Expires', 'Last-Modified', 'Location', 'Retry-After', 'Server', 'Age'
  ]) {
    const { got } = await send(asking(`${name}: first`, `${name.toLowerCase()}: second`))
    t.same(sent(got, name), ['first'], name)
  }
})

t.test('an app that has Node join them gets them joined', async t => {
  const send = await through(t, {}, { http: { joinDuplicateHeaders: true } } as object)
  t.same(sent((await send(asking('User-Agent: a', 'User-Agent: b'))).got, 'user-agent'), ['a, b'])
})

t.test('a repeated Host or Content-Length is a 400 and goes nowhere', async t => {
  const send = await through(t)
  for (const fields of [['Host: other.test'], ['Content-Length: 0', 'Content-Length: 0'], ['Content-Length: 0', 'Content-Length: 5'], ['Content-Length: 0, 0'], ['Content-Length: 0', 'Transfer-Encoding: chunked']]) {
    t.match(await send(asking(...fields)), { got: undefined, answer: { status: 400 } }, fields.join())
  }
})

t.test('Set-Cookie in a request is a field like any other, each by itself', async t => {
  const send = await through(t)
  t.same(sent((await send(asking('Set-Cookie: a=1', 'set-cookie: b=2'))).got, 'set-cookie'), ['a=1', 'b=2'])
  t.same(sent((await send(asking('Set-Cookie: a=1', 'Connection: close, set-cookie'))).got, 'set-cookie'), [])
})

t.test('a value is sent byte for byte', async t => {
  const bytes = Array.from({ length: 255 - 0x80 }, (_, i) => String.fromCharCode(0x80 + i)).join('')
  const send = await through(t, {}, {}, `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Bytes: ${bytes}\r\nX-Empty:\r\nX-Inner: a \t b\r\n\r\n`)
  const { got, answer } = await send(asking(`X-Bytes: ${bytes}`, 'X-Empty:', 'X-Blank: \t ', 'X-Inner: a \t b', 'X-Around:  \ta b\t ', 'X-Quoted: "a\\"b, c"'))
  for (const [name, value] of [['x-bytes', bytes], ['x-empty', ''], ['x-blank', ''], ['x-inner', 'a \t b'], ['x-around', 'a b'], ['x-quoted', '"a\\"b, c"']] as const) t.same(sent(got, name), [value], name)
  for (const [name, value] of [['x-bytes', bytes], ['x-empty', ''], ['x-inner', 'a \t b']] as const) t.same(values(answer.fields, name), [value], name)
})

t.test('names that every object has are only names', async t => {
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
  const send = await through(t, {}, {}, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${[...names, '__proto__', '__proto__', 'constructor'].map(name => `${name}: x\r\n`).join('')}\r\n2\r\nok\r\n0\r\n\r\n`)
  for (const extra of [[], ['Connection: close, constructor, __proto__, toString'], ['__proto__: x', '__proto__: y']]) {
    const { got, answer } = await send(asking(...extra, ...names.map(name => `${name}: x`)))
    t.equal(answer.status, 200)
    const named = extra[0]?.startsWith('Connection') === true
    for (const name of names) t.same(sent(got, name), named && /^(?:constructor|toString)$/.test(name) ? [] : ['x'], `${name} after ${extra.join()}`)
    // Node keeps request fields in an ordinary object, and Fastify those of an answer.
    t.same([sent(got, '__proto__'), values(answer.fields, '__proto__'), values(answer.fields, '0')], [[], [], []])
    for (const name of names) t.same(values(answer.fields, name), name === 'constructor' ? ['x', 'x'] : ['x'], name)
  }
  t.equal(({} as Record<string, unknown>)['x'], undefined)
})

t.test('a key is not found in what every object has', async t => {
  const upstreams = await Promise.all(['a', 'b', 'c', 'd'].map(async name => await named(t, name)))
  const { request } = await gateway(t, { targets: upstreams.map(({ url }) => url), policy: { name: 'hash', key: { header: 'constructor' }, fallback: 'round-robin' } })
  const ask = async (headers: Record<string, string>): Promise<string> => (await (await request('/', { headers })).body.json() as Echo).name
  const without = new Set<string>()
  const given = new Set<string>()
  for (let i = 0; i < 4; i++) {
    without.add(await ask({}))
    given.add(await ask({ constructor: 'x' }))
  }
  t.equal(without.size, 4)
  t.equal(given.size, 1)
})

t.test('trailers of a client are dropped, with what announces them', async t => {
  const send = await through(t)
  const { got, answer } = await send(['POST / HTTP/1.1', 'Host: shop.test', 'Transfer-Encoding: chunked', 'Trailer: X-Sum, Authorization'],
    '5\r\nhello\r\n0\r\nX-Sum: 1\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n')
  t.equal(answer.status, 200)
  t.match(got, { body: 'hello', trailers: [] })
  t.same([sent(got, 'trailer'), sent(got, 'x-sum'), sent(got, 'authorization'), sent(got, 'x-forwarded-for')], [[], [], [], ['127.0.0.1']])
})
