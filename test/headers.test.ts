import t from 'tap'
import { dropHopByHop, isAsSent, requestHeaders, responseHeaders, sentFields, type ForwardedFacts } from '../lib/headers.js'

const facts: ForwardedFacts = { for: '10.1.1.1', proto: 'https', host: 'shop.test:8443', port: '8443', forwarded: undefined }
const added = {
  via: '1.1 gate', 'x-forwarded-for': '10.1.1.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test:8443', 'x-forwarded-port': '8443'
}

function sent (client: Record<string, string | string[] | undefined>, host?: string): Record<string, string | string[]> {
  return { ...requestHeaders(client, { facts, host, via: '1.1 gate' }) }
}

/** Header fields as undici hands them over. */
function raw (...fields: readonly string[]): Buffer[] {
  return fields.map(field => Buffer.from(field, 'latin1'))
}

function passed (...fields: readonly string[]): Record<string, string | string[]> {
  return { ...responseHeaders(raw(...fields)) }
}

t.test('fields of the client\'s connection are not sent upstream', async t => {
  for (const name of [
    'connection', 'expect', 'http2-settings', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'trailer', 'transfer-encoding', 'upgrade'
  ]) {
    t.strictSame(sent({ [name]: 'x', accept: '*/*' }), { accept: '*/*', ...added }, name)
  }
})

t.test('every other field is sent as it came', async t => {
  const client = {
    accept: '*/*',
    authorization: 'Bearer x',
    cookie: 'a=1; b=2',
    'content-length': '5',
    'content-type': 'text/plain; charset=latin1',
    'accept-encoding': 'gzip',
    'x-empty': '',
    'x-list': ['a', 'b'],
    'x-forwarded-prefix': '/p'
  }
  t.strictSame(sent(client), { ...client, ...added })
})

t.test('of TE only the word for trailers is sent', async t => {
  for (const [te, kept] of [
    ['trailers', 'trailers'], ['gzip, trailers', 'trailers'], ['trailers, deflate;q=0.5', 'trailers'], ['Trailers', 'trailers'], [' trailers ', 'trailers'],
    ['gzip', undefined], ['', undefined], ['nottrailers', undefined], ['trailersnot', undefined], ['x-trailers, y', undefined]
  ] as const) {
    t.strictSame(sent({ te }), kept === undefined ? added : { te: kept, ...added }, te)
  }
})

t.test('Via is appended to what is there already, and can be left out', async t => {
  t.equal(sent({})['via'], '1.1 gate')
  t.equal(sent({ via: '1.0 other' })['via'], '1.0 other, 1.1 gate')
  t.equal(sent({ via: '1.0 other, 2 more' })['via'], '1.0 other, 2 more, 1.1 gate')
  t.notOk('via' in requestHeaders({}, { facts, host: undefined, via: undefined }))
  t.equal(requestHeaders({ via: '1.0 other' }, { facts, host: undefined, via: undefined })['via'], '1.0 other')
})

t.test('what the client says of itself is replaced by what the gateway knows, even where that is nothing', async t => {
  const spoofed = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'gopher', 'x-forwarded-host': 'evil.test', 'x-forwarded-port': '1', forwarded: 'for=6.6.6.6' }
  t.strictSame(sent(spoofed), added)
  const unknown = requestHeaders(spoofed, { facts: { for: undefined, proto: 'http', host: undefined, port: undefined, forwarded: undefined }, host: undefined, via: '1.1 gate' })
  t.strictSame({ ...unknown }, { via: '1.1 gate', 'x-forwarded-proto': 'http' })
  const told = requestHeaders(spoofed, { facts: { ...facts, forwarded: 'for=10.1.1.1' }, host: undefined, via: '1.1 gate' })
  t.strictSame({ ...told }, { ...added, forwarded: 'for=10.1.1.1' })
})

t.test('Host is only sent when it is to be the client\'s', async t => {
  t.strictSame(sent({ host: 'shop.test' }), added)
  t.strictSame(sent({ host: 'shop.test' }, 'kept.test'), { host: 'kept.test', ...added })
})

t.test('pseudo-header fields of HTTP/2 are not header fields', async t => {
  t.strictSame(sent({ ':method': 'GET', ':path': '/', ':authority': 'shop.test', ':scheme': 'https' }), added)
})

t.test('fields without a value are left out', async t => {
  t.strictSame(sent({ 'x-a': undefined }), added)
})

t.test('a request field may be called like a property of every object', async t => {
  const client: Record<string, string> = Object.assign(Object.create(null), { constructor: 'c', ['__proto__']: 'p', tostring: 's' })
  const headers = requestHeaders(client, { facts, host: undefined, via: '1.1 gate' })
  t.strictSame(Object.entries(headers).slice(0, 3), [['constructor', 'c'], ['__proto__', 'p'], ['tostring', 's']])
  for (const name of ['hasOwnProperty', 'toString', 'valueOf']) t.notOk(name in headers, 'nothing is inherited')
})

t.test('what is given is not changed', async t => {
  const client = Object.freeze({ te: 'gzip', via: '1.0 a', connection: 'close' })
  t.strictSame(sent(client), { ...added, via: '1.0 a, 1.1 gate' })
})

t.test('hop-by-hop fields that a hook has put in are dropped, whatever their case', async t => {
  const headers = { Connection: 'close', 'KEEP-ALIVE': 'x', upgrade: 'h2c', Expect: '100-continue', accept: '*/*', TE: 'trailers' }
  dropHopByHop(headers)
  t.strictSame(headers, { accept: '*/*', TE: 'trailers' })
})

t.test('fields of the upstream\'s connection are not passed on', async t => {
  for (const name of [
    'Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'
  ]) {
    t.strictSame(passed(name, 'x', 'ETag', '"a"'), { etag: '"a"' }, name)
    t.strictSame(passed(name.toLowerCase(), 'x', 'ETag', '"a"'), { etag: '"a"' }, name)
  }
})

t.test('fields that Connection names are not passed on, wherever they stand', async t => {
  t.strictSame(passed('X-Secret', '1', 'Connection', 'keep-alive, X-Secret', 'X-Open', '2'), { 'x-open': '2' })
  t.strictSame(passed('Connection', 'x-a', 'X-A', '1', 'connection', ' X-B ,, x-c', 'X-B', '2', 'X-C', '3', 'X-D', '4'), { 'x-d': '4' })
  t.strictSame(passed('Connection', '', 'X-A', '1'), { 'x-a': '1' })
  t.strictSame(passed('Connection', 'close', 'X-Close', '1'), { 'x-close': '1' }, 'only whole names count')
  t.strictSame(passed('Connection', 'close', 'Close', '1', 'X-A', '2'), { 'x-a': '2' })
  t.strictSame(passed('Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'X-A', '2'), { 'x-a': '2' })
})

t.test('fields that come more than once stay apart', async t => {
  t.strictSame(passed('Set-Cookie', 'a=1', 'X', '1', 'set-cookie', 'b=2', 'SET-COOKIE', 'c=3'), { 'set-cookie': ['a=1', 'b=2', 'c=3'], x: '1' })
  t.strictSame(passed('Vary', 'a', 'Vary', 'b'), { vary: ['a', 'b'] })
})

t.test('a response field may be called like a property of every object', async t => {
  const headers = responseHeaders(raw('constructor', 'c', 'toString', 't', 'constructor', 'd', 'Connection', 'hasOwnProperty', 'hasOwnProperty', 'h'))
  for (const name of ['hasOwnProperty', 'toString', 'valueOf']) t.notOk(name in headers, 'nothing is inherited')
  t.strictSame(Object.entries(headers), [['constructor', ['c', 'd']], ['tostring', 't']])
})

t.test('a response field that would become a prototype is left out', async t => {
  t.strictSame(Object.entries(responseHeaders(raw('__proto__', 'p', '__PROTO__', 'q', 'X-A', '1'))), [['x-a', '1']])
})

t.test('bytes that are no ASCII come out as they went in', async t => {
  const bytes = Buffer.from([0xe9, 0x20, 0xff, 0xc3, 0xa9])
  const value = responseHeaders([Buffer.from('X-L'), bytes])['x-l']
  t.strictSame(Buffer.from(String(value), 'latin1'), bytes)
})

t.test('a name without a value is no field', async t => {
  t.strictSame(passed('X-A', '1', 'X-B'), { 'x-a': '1' })
  t.strictSame(passed(), {})
})

t.test('a field is as it was sent when it has the first value or all of them, as Node puts them together', async t => {
  const fields = sentFields(['X-User', 'ada', 'x-user', 'bob', 'Cookie', 'a=1', 'cookie', 'b=2', 'Set-Cookie', 'c', 'Set-Cookie', 'd', 'constructor', 'e'])
  for (const [name, value, same] of [
    ['x-user', 'ada', true], ['X-User', 'ada, bob', true], ['x-user', 'bob', false], ['x-user', undefined, false], ['cookie', 'a=1; b=2', true],
    ['set-cookie', ['c', 'd'], true], ['set-cookie', ['d', 'c'], false], ['constructor', 'e', true], ['__proto__', 'e', false], ['x-none', 'ada', false]
  ] as const) t.equal(isAsSent(name, value as string, fields), same, `${name}: ${value}`)
})
