import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { parseRequest, routeFor } from '../../dashboard/request.js'
import { duration, poolWarnings, targetWords } from '../../lib/status/words.js'
import { named } from '../kit/index.js'
import { statusGateway } from './kit.js'

t.before(() => { execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/dashboard.mjs', import.meta.url))]) })

t.test('the page is served with a strict policy, compressed, and its files for ever', async t => {
  const a = await named(t, 'a')
  const { app } = await statusGateway(t, { prefix: '/api', targets: [a.url] }, { dashboard: true })
  const page = await app.inject('/_balancer/')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';/)
  t.notMatch(page.headers['content-security-policy'], /unsafe/)
  t.equal(page.headers['cache-control'], 'private, no-cache')
  t.notMatch(page.body, /(?:src|href)="(?:\/|https?:)/, 'nothing but relative paths')
  t.notMatch(page.body, / style=|<style|<script>/)
  for (const name of ['app', 'style']) {
    const [file = ''] = new RegExp(`${name}\\.\\w{12}\\.\\w+`).exec(page.body) ?? []
    const plain = await app.inject(`/_balancer/${file}`)
    t.equal(plain.statusCode, 200, file)
    t.equal(plain.headers['cache-control'], 'private, max-age=31536000, immutable')
    const br = await app.inject({ url: `/_balancer/${file}`, headers: { 'accept-encoding': 'gzip, deflate, br' } })
    t.equal(br.headers['content-encoding'], 'br')
    t.ok(brotliDecompressSync(br.rawPayload).equals(plain.rawPayload))
    const gzip = await app.inject({ url: `/_balancer/${file}`, headers: { 'accept-encoding': 'gzip' } })
    t.ok(gunzipSync(gzip.rawPayload).equals(plain.rawPayload))
    const known = await app.inject({ url: `/_balancer/${file}`, headers: { 'if-none-match': String(plain.headers.etag) } })
    t.equal(known.statusCode, 304)
    t.equal(known.body, '')
  }
  const bare = await app.inject('/_balancer?x=1')
  t.match(bare, { statusCode: 200, headers: { 'content-type': /^text\/html/, 'content-security-policy': /script-src 'sha256-[^']+';/ } }, 'the browser finds the slash: it alone knows where proxies serve it')
  const script = /<script>(.*)<\/script>/.exec(bare.body)?.[1] ?? ''
  t.match(String(bare.headers['content-security-policy']), createHash('sha256').update(script).digest('base64'), 'and may run nothing else')
})

t.test('a pasted request is a line, a URL or a curl command', async t => {
  for (const [text, method, path] of [
    ['GET /users/42?full=yes', 'GET', '/users/42?full=yes'],
    ['  /users ', 'GET', '/users'],
    ['delete /users/1', 'DELETE', '/users/1'],
    ['https://api.test/users?x=1#top', 'GET', '/users?x=1'],
    ['curl http://api.test/a', 'GET', '/a'],
    ['curl api.test', 'GET', '/'],
    ["curl -sS -X PUT 'http://api.test/a b' -d 'x y'", 'PUT', '/a%20b'],
    ['curl --compressed -XPATCH http://api.test/a', 'PATCH', '/a'],
    ['curl http://api.test/a --data-raw \'{"a":"b"}\'', 'POST', '/a'],
    ['curl -I http://api.test/a', 'HEAD', '/a'],
    ['curl \\\n  -m 5 -o out http://api.test/a', 'GET', '/a']
  ] as const) t.match(parseRequest(text), { method, path }, text)
  t.same(parseRequest('curl http://api.test/ -H "Accept: a \\"b\\"" -H\'X-User: 1\' -b sid=2').headers, { accept: 'a "b"', 'x-user': '1', cookie: 'sid=2' })
  for (const text of ['', 'curl -X GET', 'ge?t /x', 'curl http://']) t.throws(() => parseRequest(text), Error, text)
})

t.test('a path belongs to the route with the longest prefix', async t => {
  const routes = ['', '/users', '/users/admin', '/:tenant/orders'].map(prefix => ({ prefix }))
  for (const [path, prefix] of [['/', ''], ['/usersx', ''], ['/users', '/users'], ['/users/1?a=/users/admin', '/users'], ['/users/admin/2', '/users/admin'], ['/acme/orders/1', '/:tenant/orders']] as const) {
    t.equal(routeFor(routes, path)?.prefix, prefix, path)
  }
  t.equal(routeFor([{ prefix: '/a' }], '/b'), undefined)
})

t.test('words say how long, why and what next', async t => {
  const now = 10 * 86_400_000
  t.same([0, 999, 1000, 119_999, 120_000, 7_199_999, 7_200_000, 86_400_000 * 2, -5].map(duration), ['0 ms', '999 ms', '1 s', '119 s', '2 min', '119 min', '2 h', '2 d', '0 ms'])
  t.equal(targetWords({ health: 'down', reason: 'ejected: connect ECONNREFUSED', since: now - 125_000 }, now), 'down for 2 min: ejected: connect ECONNREFUSED')
  t.equal(targetWords({ health: 'down', reason: 'ejected: status 500', since: now - 3000, until: now + 12_000 }, now), 'down for 3 s: ejected: status 500, to be tried again in 12 s')
  t.equal(targetWords({ health: 'trial', since: now - 50, until: now - 1 }, now), 'on trial for 50 ms')
  const pool = { panicking: false, load: { inFlight: 5, waiting: 0 }, limits: { inFlight: 5, queue: 10 }, up: 2, of: 2 }
  t.same(poolWarnings(pool, now), [])
  t.same(poolWarnings({ ...pool, of: 0, up: 0 }, now), ['there is no target that may be used'])
  t.same(poolWarnings({ ...pool, load: { inFlight: 5, waiting: 3 } }, now), ['3 of 10 requests that may wait do: 5 are in flight'])
  t.same(poolWarnings({ ...pool, budgetLeft: 1 }, now), [])
})
