import Fastify, { type FastifyServerOptions } from 'fastify'
import t from 'tap'
import { keyReader, type KeyOption } from '../lib/key.js'

interface Ask { readonly url?: string, readonly headers?: Record<string, string | string[]>, readonly remoteAddress?: string }

/** What the option makes of a request as Fastify hands it over; null for no key. */
async function keyOf (option: KeyOption, { url = '/', headers = {}, remoteAddress = '127.0.0.1' }: Ask, server: FastifyServerOptions = {}): Promise<string | null> {
  const app = Fastify(server)
  const read = keyReader(option)
  app.get('*', async request => ({ key: read(request) ?? null }))
  const response = await app.inject({ method: 'GET', url, headers: headers as Record<string, string>, remoteAddress })
  await app.close()
  return response.json<{ key: string | null }>().key
}

t.test('a header is the key, in whatever case either names it', async t => {
  t.equal(await keyOf({ header: 'X-User' }, { headers: { 'x-user': 'ann' } }), 'ann')
  t.equal(await keyOf({ header: 'x-user' }, { headers: { 'X-USER': 'ann' } }), 'ann')
  t.equal(await keyOf({ header: 'x-user' }, { headers: {} }), null)
  t.equal(await keyOf({ header: 'x-user' }, { headers: { 'x-user': '' } }), null)
})

t.test('a cookie is the key, undecoded', async t => {
  t.equal(await keyOf({ cookie: 'sid' }, { headers: { cookie: 'a=1; sid=s%20x; b=2' } }), 's%20x')
  t.equal(await keyOf({ cookie: 'SID' }, { headers: { cookie: 'sid=s' } }), null)
  t.equal(await keyOf({ cookie: 'sid' }, { headers: { cookie: 'sid=' } }), null)
  t.equal(await keyOf({ cookie: 'sid' }, {}), null)
})

t.test('a query parameter is the key, decoded; repeated, all of it is', async t => {
  t.equal(await keyOf({ query: 'user' }, { url: '/x?a=1&user=ann%20b' }), 'ann b')
  t.equal(await keyOf({ query: 'user' }, { url: '/x?user=' }), null)
  t.equal(await keyOf({ query: 'user' }, { url: '/x' }), null)
  t.equal(await keyOf({ query: 'user' }, { url: '/x?user=a&user=b' }), await keyOf({ query: 'user' }, { url: '/y?user=a&z&user=b' }))
  t.not(await keyOf({ query: 'user' }, { url: '/x?user=a&user=b' }), await keyOf({ query: 'user' }, { url: '/x?user=a' }))
})

t.test('the path is the key without the query', async t => {
  t.equal(await keyOf('path', { url: '/a/b?c=d' }), '/a/b')
  t.equal(await keyOf('path', { url: '/a%2Fb' }), '/a%2Fb')
  t.equal(await keyOf('path', { url: '/?x' }), '/')
})

t.test('the address is the key, as far as Fastify trusts what it is told', async t => {
  const forwarded = { 'x-forwarded-for': '10.9.9.9' }
  t.equal(await keyOf('address', { remoteAddress: '10.0.0.7' }), '10.0.0.7')
  t.equal(await keyOf('address', { remoteAddress: '10.0.0.7', headers: forwarded }), '10.0.0.7')
  t.equal(await keyOf('address', { remoteAddress: '10.0.0.7', headers: forwarded }, { trustProxy: true }), '10.9.9.9')
})

t.test('a function decides for itself, and has no key to give by giving none or an empty one', async t => {
  t.equal(await keyOf(request => `${request.method} ${request.url}`, { url: '/x' }), 'GET /x')
  t.equal(await keyOf(() => undefined, {}), null)
  t.equal(await keyOf(() => '', {}), null)
})

t.test('a key is not found among the properties of every object', async t => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.equal(await keyOf({ query: name }, { url: '/x?a=1' }), null, name)
    t.equal(await keyOf({ query: name }, { url: '/x?a=1' }, { routerOptions: { querystringParser: () => ({ a: '1' }) } }), null, name)
    t.equal(await keyOf({ header: name }, {}), null, name)
    t.equal(await keyOf({ cookie: name }, { headers: { cookie: 'a=1' } }), null, name)
  }
  t.equal(await keyOf({ header: 'constructor' }, { headers: { constructor: 'x' } }), 'x')
})
