/** In each of these faults somebody who has only the status API finds out what is wrong, with whom, since when and why. */
import t, { type Test } from 'tap'
import type { Problem } from '../../lib/status/index.js'
import type { PoolOptions } from '../../lib/index.js'
import { named, rawUpstream, REFUSING, until, upstream } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'
import { statusGateway, type StatusGateway } from './kit.js'

interface Fault {
  readonly gateway: StatusGateway
  /** Asks the gateway once, and does not mind what comes of it. */
  readonly ask: () => Promise<void>
  /** Resolves with the first problem whose words are these; of this target, or of the pool as a whole. */
  readonly finds: (words: RegExp, target?: string) => Promise<Problem>
}

async function faulty (t: Test, options: PoolOptions): Promise<Fault> {
  const gateway = await statusGateway(t, { name: 'api', prefix: '/api', ...options })
  const began = Date.now()
  const ask = async (): Promise<void> => { await gateway.request('/api/x').then(async ({ body }) => { await body.dump() }, () => {}) }
  const finds = async (words: RegExp, target?: string): Promise<Problem> => {
    let seen: readonly Problem[] = []
    let found: Problem | undefined
    const end = performance.now() + 30_000
    while (found === undefined) {
      if (performance.now() > end) throw new Error(`nothing is ${String(words)} in ${JSON.stringify(seen)}`)
      seen = (await gateway.state()).problems
      found = seen.find(problem => words.test(problem.words) && problem.target === target)
    }
    t.match(found.words, words)
    t.equal(found.pool, 'api')
    if (target !== undefined) t.ok((found.since ?? 0) >= began - 1000 && (found.since ?? Infinity) <= Date.now() + 1000, 'since when')
    return found
  }
  return { gateway, ask, finds }
}

t.test('a target that refuses connections', async t => {
  const a = await named(t, 'a')
  const { ask, finds } = await faulty(t, { targets: [a.url, REFUSING], breaker: { consecutive: 1 } })
  await ask()
  await ask()
  await finds(/^down for \d+ (ms|s): ejected: connect ECONNREFUSED 127\.0\.0\.1:1/, REFUSING)
})

t.test('a target that does not accept connections in time', async t => {
  const a = await named(t, 'a')
  const silent = (await rawUpstream(t, () => {})).replace('http:', 'https:')
  const { ask, finds } = await faulty(t, { targets: [a.url, silent], breaker: { consecutive: 1, reconnect: 0 }, timeouts: { connect: 100 } })
  await ask()
  await ask()
  await finds(/^down for .*: ejected: .*(connect|timeout)/i, silent)
})

t.test('a target that answers with 500', async t => {
  const a = await named(t, 'a')
  const b = await upstream(t, (_request, response) => { response.writeHead(500).end() })
  const { ask, finds } = await faulty(t, { targets: [a.url, b.url], breaker: { consecutive: 2 } })
  for (let i = 0; i < 4; i++) await ask()
  const { words } = await finds(/^down for .*: ejected: status 500, to be tried again in \d+ s$/, b.url)
  t.match(words, 'status 500')
})

t.test('a target whose health check answers with an error', async t => {
  const a = await named(t, 'a')
  const b = await upstream(t, (request, response) => { response.writeHead(request.url === '/healthz' ? 503 : 200).end() })
  const { finds } = await faulty(t, { targets: [a.url, b.url], health: { path: '/healthz', interval: 30, fall: 1 } })
  await finds(/^down for .*: status 503$/, b.url)
})

t.test('a target whose health check gets no answer', async t => {
  const a = await named(t, 'a')
  const b = await upstream(t, (request, response) => { if (request.url !== '/healthz') response.end() })
  const { finds } = await faulty(t, { targets: [a.url, b.url], health: { path: '/healthz', interval: 30, timeout: 200, fall: 1 } })
  await finds(/^down for .*: .*(time|no answer)/i, b.url)
})

t.test('a target that has died, as its health check finds', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { finds } = await faulty(t, { targets: [a.url, b.url], health: { path: '/healthz', interval: 30, fall: 1 } })
  await b.kill()
  await finds(/^down for .*: .*(ECONNREFUSED|ECONNRESET|closed)/, b.url)
})

t.test('a certificate that has expired', async t => {
  const a = await tlsUpstream(t, identity('server'))
  const b = await tlsUpstream(t, identity('expired'))
  const { ask, finds } = await faulty(t, { targets: [a.named, b.named], tls: { ca: pem('ca') }, breaker: { consecutive: 1, reconnect: 0 } })
  await ask()
  await ask()
  await finds(/^down for .*: ejected: certificate has expired/, b.named)
})

t.test('a certificate for another name', async t => {
  const a = await tlsUpstream(t, identity('server'))
  const b = await tlsUpstream(t, identity('wrong-name'))
  const { ask, finds } = await faulty(t, { targets: [a.named, b.named], tls: { ca: pem('ca') }, breaker: { consecutive: 1, reconnect: 0 } })
  await ask()
  await ask()
  await finds(/^down for .*: ejected: Hostname\/IP does not match certificate's altnames/, b.named)
})

t.test('a target that an operator has drained', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { gateway, finds } = await faulty(t, { targets: [a.url, b.url] })
  gateway.app.upstreams['api']?.drain(b.url)
  await finds(/^draining for .*: drained by an operator$/, b.url)
})

t.test('the only target, which is not ejected whatever it does', async t => {
  let well = false
  const b = await upstream(t, (_request, response) => { response.writeHead(well ? 200 : 500).end() })
  const { ask, finds, gateway } = await faulty(t, { targets: [b.url], breaker: { consecutive: 2 } })
  await ask()
  t.same((await gateway.state()).problems, [], 'one fault is none')
  await ask()
  const { health } = await finds(/^up for .*, but it fails: status 500; it stays in rotation, as too few others are up$/, b.url)
  t.equal(health, 'up')
  well = true
  await ask()
  t.same((await gateway.state()).problems, [], 'and is forgotten with the first good answer')
})

t.test('two targets that fail, of which one stays', async t => {
  const [b, c] = await Promise.all([0, 1].map(async () => await upstream(t, (_request, response) => { response.writeHead(503).end() })))
  const { ask, finds, gateway } = await faulty(t, { targets: [String(b?.url), String(c?.url)], breaker: { consecutive: 2 }, retries: 0 })
  for (let i = 0; i < 8; i++) await ask()
  const [down] = (await gateway.state()).problems
  await finds(/^down for .*: ejected: status 503/, down?.target)
  await finds(/but it fails: status 503/, [b?.url, c?.url].find(url => url !== down?.target))
})

t.test('a target with weight 0', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { finds } = await faulty(t, { targets: [a.url, { url: b.url, weight: 0 }] })
  await finds(/^draining for .*: drained by its weight, which is 0$/, b.url)
})

t.test('a target that asks to be drained', async t => {
  const a = await named(t, 'a')
  const b = await upstream(t, (_request, response) => { response.writeHead(200, { 'x-upstream-drain': '60' }).end() })
  const { ask, finds } = await faulty(t, { targets: [a.url, b.url] })
  await ask()
  await ask()
  await finds(/^draining for .*: it asked to be drained$/, b.url)
})

t.test('a queue that is full', async t => {
  const held: Array<() => void> = []
  const a = await upstream(t, (_request, response) => { held.push(() => { response.end() }) })
  const { ask, finds } = await faulty(t, { targets: [a.url], limits: { inFlight: 1, queue: 2, queueTimeout: 0 } })
  const asked = [ask(), ask(), ask()]
  await finds(/^the queue is full: 2 of 2 requests wait, and more are turned away with a 503$/)
  for (let i = 0; i < asked.length; i++) {
    await until(() => held.length > i, 30_000)
    held[i]?.()
  }
  await Promise.all(asked)
})

t.test('a retry budget that is spent', async t => {
  const [a, b] = await Promise.all(['a', 'b'].map(async () => await upstream(t, (_request, response) => { response.writeHead(503).end() })))
  const { ask, finds } = await faulty(t, { targets: [a?.url ?? '', b?.url ?? ''], breaker: false, retries: { max: 1, backoff: 0, maxBackoff: 0, budget: { share: 0, floor: 0.1, window: 60_000 } } })
  for (let i = 0; i < 8; i++) await ask()
  await finds(/^the retry budget is spent: requests that fail are not sent to another target$/)
})

t.test('a pool in panic, and one in which nobody is up', async t => {
  const a = await named(t, 'a')
  let well = true
  const [b, c] = await Promise.all(['b', 'c'].map(async () => await upstream(t, (_request, response) => { response.writeHead(503).end() })))
  const health = { probe: async (target: { readonly url: string }) => { if (target.url !== a.url || !well) throw new Error('sick') }, interval: 30, fall: 1 }
  const { finds } = await faulty(t, { targets: [a.url, b?.url ?? '', c?.url ?? ''], health })
  await finds(/^panic: 1 of 3 targets is up, which is too few, so health is ignored and all are used$/)
  await finds(/^down for .*: sick$/, b?.url)
  well = false
  await finds(/^no target of 3 is up$/)
})

t.test('discovery that fails, with the address of its source but not the password', async t => {
  const a = await named(t, 'a')
  const { finds } = await faulty(t, {
    targets: [a.url],
    discoveryTimeout: 0,
    async * discovery () {
      yield await Promise.reject(new Error('GET http://ada:hunter2@registry.test/list?token=t0k3n was answered with 403'))
    }
  })
  const { words } = await finds(/^discovery has failed for .*, so the last list stays in use: GET http:\/\/\*\*\*@registry\.test\/list\?\*\*\* was answered with 403$/)
  t.notMatch(words, /hunter2|t0k3n/)
})
