import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { gateway, named, rawUpstream, REFUSING, sha256, until, upstream, type Echo } from '../kit/index.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** Far more than is kept for replay: it can move only because nothing of it was read. */
const BODY = randomBytes(1024 * 1024)

/** Targets to which no request is ever sent, and the code of the reason. */
const UNSENT: Record<string, { url: (t: Test) => Promise<string>, code: string }> = {
  'refuses connections': { url: async () => REFUSING, code: 'ECONNREFUSED' },
  'speaks no TLS': { url: async t => tls((await upstream(t, (_request, response) => { response.end() })).url), code: 'ERR_SSL_WRONG_VERSION_NUMBER' },
  'closes during the handshake': { url: async t => tls(await rawUpstream(t, socket => { socket.once('data', () => { socket.resetAndDestroy() }) })), code: 'ECONNRESET' },
  'has a certificate nobody signed': { url: selfSigned, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  'never answers the handshake': { url: async t => tls(await rawUpstream(t, () => {})), code: 'UND_ERR_CONNECT_TIMEOUT' }
}

function tls (url: string): string {
  return url.replace('http:', 'https:')
}

async function selfSigned (t: Test): Promise<string> {
  const pem = async (name: string): Promise<string> => await readFile(new URL(`../kit/tls/${name}.pem`, import.meta.url), 'utf8')
  const server = createServer({ cert: await pem('cert'), key: await pem('key') }, () => { t.fail('a request came through') })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const [what, { url, code }] of Object.entries(UNSENT)) {
  t.test(`every method, streamed body included, moves on from a target that ${what}`, async t => {
    const bad = await url(t)
    const good = await named(t, 'good')
    const seen: Array<ReadonlyArray<{ target: string, outcome: string, code: unknown }>> = []
    const { app, request } = await gateway(t, { name: 'pool', policy: 'first', breaker: false, targets: [bad, good.url], timeouts: { connect: code === 'UND_ERR_CONNECT_TIMEOUT' ? 150 : 10_000 } }, {
      before: app => app.addHook('onResponse', async ({ attempts }) => {
        seen.push(attempts.map(({ target, outcome, error }) => ({ target, outcome, code: (error as NodeJS.ErrnoException | undefined)?.code })))
      })
    })

    for (const method of METHODS) {
      const withBody = method !== 'GET' && method !== 'HEAD'
      const response = await request('/', { method, body: withBody ? Readable.from([BODY.subarray(0, 100_000), BODY.subarray(100_000)]) : null })
      t.equal(response.statusCode, 200, method)
      if (method === 'HEAD') await response.body.dump()
      else t.match(await response.body.json() as Echo, { method, bytes: withBody ? BODY.length : 0, sha256: sha256(withBody ? BODY : Buffer.alloc(0)) })
    }

    t.equal(good.hits(), METHODS.length)
    await until(() => seen.length === METHODS.length)
    t.same(seen, METHODS.map(() => [
      { target: bad, outcome: 'unsent', code },
      { target: good.url, outcome: 'answered', code: undefined }
    ]))
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: METHODS.length, unsent: METHODS.length, faults: METHODS.length } })
  })
}

t.test('a connect timeout is kept although it is far below a second', async t => {
  const hole = tls(await rawUpstream(t, () => {}))
  const good = await named(t, 'good')
  const { request } = await gateway(t, { policy: 'first', targets: [hole, good.url], timeouts: { connect: 50 } })
  const start = performance.now()
  for (let i = 0; i < 5; i++) await (await request('/')).body.dump()
  // Undici's own timer would need at least half a second for each.
  t.ok(performance.now() - start < 2000)
})
