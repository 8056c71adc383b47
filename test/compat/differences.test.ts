import { readFileSync } from 'node:fs'
import httpProxy from '@fastify/http-proxy'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { turnEnds } from '../../lib/clock.js'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { logged, named, REFUSING, upstream } from '../kit/index.js'
import { identity, tlsUpstream } from '../kit/tls/index.js'
import { both, type Answer } from './kit.js'
import { DIFFERENCES as WEBSOCKETS } from './differences-websocket.js'

type Pair = [theirs: Answer, ours: Answer]

/** What each side answers to the same request. */
async function pair (t: Test, options: Record<string, unknown>, path: string, request?: Parameters<Awaited<ReturnType<typeof both>>['ours']['ask']>[1]): Promise<Pair> {
  const { theirs, ours } = await both(t, options)
  return [await theirs.ask(path, request), await ours.ask(path, request)]
}

/** Where a redirect leads on each side. */
async function locations (t: Test, location: (url: string) => string): Promise<unknown[]> {
  const { url } = await upstream(t, (request, response) => { response.writeHead(302, { location: location(`http://${request.headers.host}`) }).end() })
  return (await pair(t, { upstream: url, prefix: '/api' }, '/api/x')).map(({ headers }) => headers['location'])
}

/** How an app with the plugin comes up: nothing, or the code of the error. */
async function boots (plugin: typeof balancer | typeof httpProxy, options: object[], before: (app: FastifyInstance) => void = () => {}): Promise<string | undefined> {
  const app = Fastify()
  before(app)
  try {
    // A copy: @fastify/http-proxy writes into what it is given.
    for (const one of options) await app.register(plugin as typeof balancer, { ...one } as BalancerOptions)
    await app.ready()
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    await app.close()
  }
  return undefined
}

const DIFFERENCES: Record<string, (t: Test, url: string) => Promise<void>> = {
  async 'Failures have a status' (t) {
    const [theirs, ours] = await pair(t, { upstream: REFUSING }, '/x')
    t.same([theirs.status, ours.status, JSON.parse(ours.text).code], [500, 502, 'FST_BALANCER_UNREACHABLE'])
  },
  async 'No addresses for clients' (t) {
    const [theirs, ours] = await pair(t, { upstream: REFUSING }, '/x')
    t.match(theirs.text, /127\.0\.0\.1:1/)
    t.notMatch(ours.text, /127\.0\.0\.1/)
  },
  async 'TLS is verified' (t) {
    const { url } = await tlsUpstream(t, identity('server'))
    const [theirs, ours] = await pair(t, { upstream: url }, '/x')
    t.same([theirs.status, ours.status], [200, 502])
    t.equal((await both(t, { upstream: url, undici: { tls: { rejectUnauthorized: false } } }).then(async ({ ours }) => await ours.ask('/x'))).status, 200)
  },
  async 'Who the client is' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url }, '/x', { headers: { 'x-forwarded-for': '1.2.3.4' } })
    t.equal(theirs.echo?.headers['x-forwarded-for'], '1.2.3.4')
    t.match(ours.echo?.headers, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', via: '1.1 fastify-balancer' })
    t.notOk('via' in (theirs.echo?.headers ?? {}))
  },
  async 'Types keep their parameters' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url }, '/x', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain; charset=latin1' } })
    t.same([theirs.echo?.headers['content-type'], ours.echo?.headers['content-type']], ['text/plain', 'text/plain; charset=latin1'])
  },
  async 'Parsers of the app stay out of it' (t, url) {
    const before = (app: FastifyInstance): void => { app.addContentTypeParser('application/json', (_request, _payload, done) => { done(null) }) }
    t.same([await boots(httpProxy, [{ upstream: url }], before), await boots(balancer, [{ upstream: url }], before)], ['FST_ERR_CTP_ALREADY_PRESENT', undefined])
  },
  async 'What can not be parsed is no 415' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url, preValidation: async () => {} }, '/x', { method: 'POST', body: '<x/>', headers: { 'content-type': 'application/xml' } })
    t.same([theirs.status, ours.status, ours.echo?.bytes], [415, 200, 4])
  },
  async 'A 503 is not repeated' (t) {
    const { url, hits } = await upstream(t, (_request, response) => { response.writeHead(503, { 'retry-after': '1' }).end() })
    const { theirs, ours } = await both(t, { upstream: url })
    t.equal((await theirs.ask('/x')).status, 503)
    t.equal(hits(), 11)
    t.equal((await ours.ask('/x')).status, 503)
    t.equal(hits(), 12)
  },
  async 'One line less in the log' (t, url) {
    const counts = []
    for (const plugin of [httpProxy, balancer]) {
      const { app, log } = logged()
      t.teardown(async () => { await app.close() })
      await app.register(plugin as typeof balancer, { upstream: url })
      await app.inject('/x')
      // Our line is written at the end of the turn, and nothing that is injected takes one.
      await turnEnds()
      counts.push(log.filter(({ level, reqId }) => level >= 30 && reqId !== undefined).length)
    }
    t.same(counts, [4, 3])
  },
  async 'Locations of targets are moved' (t) {
    t.match(await locations(t, url => `${url}/login`), [/^http:.*\/login$/, /^\/api\/login$/])
  },
  async 'Relative locations stay' (t) {
    t.same(await locations(t, () => 'next/page'), ['/apinext/page', 'next/page'])
  },
  async 'preRewrite may change the query' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url, preRewrite: (path: string) => path.replace('a=1', 'a=2') }, '/x?a=1')
    t.same([theirs.echo?.url, ours.echo?.url], ['/x?a=1', '/x?a=2'])
  },
  async 'queryString gets the query' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url, replyOptions: { queryString: (search: string) => `was=${search.length}` } }, '/x?a=1')
    t.same([theirs.echo?.url, ours.echo?.url], ['/x?was=0', '/x?was=3'])
  },
  async 'Slashes between prefix and path' (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url, prefix: '/', rewritePrefix: '/v2' }, '/x')
    t.same([theirs.status, ours.echo?.url], [400, '/v2/x'])
  },
  async "Paths in the client's spelling" (t, url) {
    const [theirs, ours] = await pair(t, { upstream: url }, '/a/./b')
    t.same([theirs.echo?.url, ours.echo?.url], ['/a/b', '/a/./b'])
  },
  async 'Pools have names' (t, url) {
    const options = ['a.test', 'b.test'].map(host => ({ upstream: url, constraints: { host } }))
    t.same([await boots(httpProxy, options), await boots(balancer, options)], [undefined, 'FST_BALANCER_BAD_OPTION'])
    t.equal(await boots(balancer, options.map((one, i) => ({ ...one, name: `p${i}` }))), undefined)
  },
  async 'Unknown options are refused' (t, url) {
    const options = [{ upstream: url, perfix: '/x' }]
    t.same([await boots(httpProxy, options), await boots(balancer, options)], [undefined, 'FST_BALANCER_BAD_OPTION'])
  },
  ...WEBSOCKETS
}

for (const [name, shows] of Object.entries(DIFFERENCES)) {
  t.test(name, async t => { await shows(t, (await named(t, 'a')).url) })
}

t.test('the manual names these differences and no others', async t => {
  const page = readFileSync(new URL('../../docs/migrating-from-http-proxy.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## What is different'), page.indexOf('## What comes'))
  t.same([...section.matchAll(/^\* \*\*(.+?)\.\*\*/gm)].map(([, name]) => name).sort(), Object.keys(DIFFERENCES).sort())
})
