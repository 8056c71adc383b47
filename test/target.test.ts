import t from 'tap'
import type { Outcome } from '../lib/outcome.js'
import { Target, type TargetSettings } from '../lib/target.js'
import { VirtualClock } from './kit/clock.js'
import { named, type Echo } from './kit/index.js'
import { targetSettings } from './kit/target.js'

const settings = targetSettings(new VirtualClock())

function target (url = 'http://a.test', weight = 1, tls: TargetSettings['tls'] = {}): Target {
  return new Target({ url, weight, priority: 0, zone: undefined }, 0, { ...settings, tls })
}

const error = new Error('x')
const answered = (latency: number, status = 200): Outcome => ({ kind: 'answered', status, latency })

t.test('a new target is up, idle and knows nothing of its latency', async t => {
  t.strictSame(target('http://a.test:3000/base', 2).snapshot(), {
    url: 'http://a.test:3000/base',
    weight: 2,
    priority: 0,
    zone: undefined,
    host: undefined,
    health: 'up',
    reason: undefined,
    since: new VirtualClock().wall(),
    cause: undefined,
    until: undefined,
    ejections: 0,
    failing: undefined,
    connections: { open: 0, busy: 0 },
    inFlight: 0,
    streams: 0,
    limit: Infinity,
    share: 1,
    latency: undefined,
    counters: { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }
  })
})

t.test('an attempt is in flight from its beginning until it is settled', async t => {
  const a = target()
  const first = a.begin()
  const second = a.begin()
  t.equal(a.inFlight, 2)
  second(answered(1))
  t.equal(a.inFlight, 1)
  first({ kind: 'failed', error })
  t.equal(a.inFlight, 0)
})

t.test('an attempt that is settled again, in whatever way, counts as it did the first time', async t => {
  const a = target()
  const settle = a.begin()
  settle(answered(10))
  const after = a.snapshot()
  settle(answered(1000, 500))
  settle({ kind: 'failed', error })
  t.strictSame(a.snapshot(), after)
  t.equal(a.inFlight, 0)
})

t.test('every outcome is counted under its name, and as a fault when it is one', async t => {
  const a = target()
  const outcomes: Outcome[] = [
    answered(1), answered(1, 404), answered(1, 500), answered(1, 503), { kind: 'unsent', error }, { kind: 'failed', error }, { kind: 'failed', error },
    { kind: 'broken', error }, { kind: 'aborted', error }, { kind: 'aborted', error }
  ]
  for (const outcome of outcomes) a.begin()(outcome)
  a.begin()
  t.strictSame(a.snapshot().counters, { attempts: 11, answered: 4, unsent: 1, failed: 2, broken: 1, aborted: 2, faults: 6 })
})

t.test('latency is the first answer\'s, then moves a tenth of the way to each further one', async t => {
  const a = target()
  a.begin()(answered(100))
  t.equal(a.latency, 100)
  a.begin()(answered(200))
  t.equal(a.latency, 110)
  a.begin()(answered(10, 500))
  t.equal(a.latency, 100)
  a.begin()(answered(0))
  t.equal(a.latency, 90)
})

t.test('only answers say something about latency', async t => {
  const a = target()
  for (const kind of ['unsent', 'failed', 'broken', 'aborted'] as const) a.begin()({ kind, error })
  t.equal(a.latency, undefined)
  a.begin()(answered(0))
  t.equal(a.latency, 0)
  a.begin()({ kind: 'failed', error })
  t.equal(a.latency, 0)
})

t.test('probes take a target down and bring it up again', async t => {
  const a = target()
  a.standing.judge('status 503')
  t.strictSame([a.health, a.reason], ['down', 'status 503'])
  a.standing.judge('no answer')
  t.strictSame([a.health, a.reason], ['down', 'no answer'])
  a.standing.judge(undefined)
  t.strictSame([a.health, a.reason], ['up', undefined])
})

t.test('a drained target is draining whatever its probes say, and afterwards is what they said', async t => {
  const a = target()
  a.drain(true)
  t.strictSame([a.health, a.reason], ['draining', 'drained'])
  a.standing.judge('status 503')
  t.strictSame([a.health, a.reason], ['draining', 'drained'])
  a.drain(false)
  t.strictSame([a.health, a.reason], ['down', 'status 503'])
})

t.test('weight 0 drains as well, and draining by hand is the reason that is named', async t => {
  const a = target('http://a.test', 0)
  t.strictSame([a.health, a.reason], ['draining', 'weight 0'])
  a.drain(true)
  t.equal(a.reason, 'drained')
  a.weight = 3
  t.strictSame([a.health, a.weight], ['draining', 3])
  a.drain(false)
  t.equal(a.health, 'up')
})

t.test('a snapshot is a copy: nothing in it changes later', async t => {
  const a = target()
  const settle = a.begin()
  const before = a.snapshot()
  const copy = structuredClone(before)
  settle(answered(5, 500))
  a.weight = 7
  a.standing.judge('gone')
  a.drain(true)
  t.strictSame(before, copy)
  Object.assign(a.snapshot().counters, { attempts: 99 })
  t.equal(a.snapshot().counters.attempts, 1, 'and changing it changes nothing')
})

t.test('a URL is taken apart into its origin and base path', async t => {
  for (const [url, origin, basePath] of [
    ['http://a.test', 'http://a.test', ''], ['http://a.test:3000/v2', 'http://a.test:3000', '/v2'], ['https://[::1]:8443/a/b', 'https://[::1]:8443', '/a/b']
  ] as const) {
    t.strictSame([target(url).origin, target(url).basePath], [origin, basePath])
  }
})

t.test('the name to ask for in TLS is the host unless that is an address, or another one is set', async t => {
  t.equal(target('https://a.test:8443/x').servername, 'a.test')
  t.equal(target('https://10.0.0.1').servername, undefined)
  t.equal(target('https://[::1]:8443').servername, undefined)
  t.equal(target('https://10.0.0.1', 1, { servername: 'b.test' }).servername, 'b.test')
  t.equal(target('https://a.test', 1, { servername: 'b.test' }).servername, 'b.test')
})

t.test('paths are sent below the base path, and an empty one stands for the base itself', async t => {
  const { url: origin } = await named(t, 'a')
  for (const [base, paths] of Object.entries({
    '': { '': '/', '/': '/', '/x': '/x', '/x/': '/x/', '?a=1': '/?a=1', '/x?a=1': '/x?a=1', '//x': '//x' },
    '/base': { '': '/base', '/': '/base/', '/x': '/base/x', '/x/': '/base/x/', '?a=1': '/base?a=1', '/base': '/base/base', '//x': '/base//x' }
  })) {
    const a = target(origin + base)
    t.teardown(async () => { await a.close() })
    for (const [path, expected] of Object.entries(paths)) t.equal(await seen(a, path), expected, `'${path}' below '${base}'`)
  }
})

/** The path that the server sees. */
async function seen (a: Target, path: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    a.dispatch({ path, method: 'GET' }, {
      onConnect () {},
      onHeaders: () => true,
      onData (chunk) { return chunks.push(chunk) > 0 },
      onComplete () { resolve((JSON.parse(Buffer.concat(chunks).toString()) as Echo).url) },
      onError: reject
    })
  })
}

t.test('a target that was never sent anything has nothing to close', async t => {
  await t.resolves(target().close())
  await t.resolves(target().destroy(null))
})
