import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import type { Dispatcher } from 'undici'
import { ADMIN, LISTEN, LISTEN_TLS, LOG, SHUTDOWN } from '../../lib/gateway/standards.js'
import { DESCRIPTIONS } from '../../lib/gateway/descriptions.js'
import type { Handler } from '../../lib/handler.js'
import type { Outcome } from '../../lib/outcome.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'

type Options = Record<string, unknown>

const silent = { info () {}, warn () {}, error () {} }

/** What has to be given before the defaults of a group count. */
const GIVEN: Options = {
  targets: ['http://a.test'], health: { path: '/' }, hedge: { delay: 5 }, slowStart: {}, affinity: { cookie: 'a', secret: 'sixteen characters' }, limits: { adaptive: true }, async * discovery () {}
}

/** Those of an option that is a group itself, or that are said by another one. */
const GROUPS = new Set(['pools.*.limits.adaptive'])

const stated = (prefix: string): Array<[path: string, value: unknown]> => Object.entries(DESCRIPTIONS)
  .flatMap(([path, [, ...standard]]): Array<[string, unknown]> => path.startsWith(prefix) && !path.startsWith('pools.*.discovery.') && standard.length > 0 && !GROUPS.has(path) ? [[path.slice(prefix.length), standard[0]]] : [])

function withOption (options: Options, [first = '', ...rest]: readonly string[], value: unknown): Options {
  if (rest.length === 0) return { ...options, [first]: value }
  const inner = options[first]
  return { ...options, [first]: withOption(typeof inner === 'object' && inner !== null ? inner as Options : {}, rest, value) }
}

/** Everything that a pool goes by, as a text: what functions do is tried out. */
async function fingerprint (options: Options): Promise<string> {
  const clock = new VirtualClock()
  const settings = poolSettings('users', options as unknown as PoolOptions, '', silent, clock)
  const { breaker, retry, affinity, limits, health, hedge, clock: _, log: __, tls, options: ___, selection, ...plain } = settings
  const answered = (status: number): Outcome => ({ kind: 'answered', status, latency: 1 })
  const failed = (kind: 'unsent' | 'failed' | 'broken' | 'aborted'): Outcome => ({ kind, error: new Error(kind) })
  const ejected = (every: number, faulty: number, pause: number): number[] => {
    const at: number[] = []
    const clock = new VirtualClock()
    const judge = breaker?.breaker(clock)
    let time = 0
    Object.defineProperty(clock, 'now', { value: () => time })
    for (let i = 0; i < 120; i++) {
      time += pause
      if (judge?.record(i % every < faulty ? failed('failed') : answered(200)) === true) at.push(i)
    }
    return at
  }
  const adaptive = limits.adaptive?.()
  const learned = Array.from({ length: 600 }, (_, i) => {
    adaptive?.sample(i < 300 ? 10 : 5 + i % 40, i < 300 ? 1000 : 500)
    return adaptive?.limit
  })
  const probed: unknown[] = []
  if (health !== undefined && 'probe' in health) {
    for (const status of [199, 200, 299, 300]) {
      const dispatcher = {
        dispatch ({ method, path }: Dispatcher.DispatchOptions, handler: Handler) {
          probed.push(method, path)
          handler.onConnect(() => {})
          handler.onHeaders(status, [], () => {}, '')
          handler.onComplete([])
        }
      } as unknown as Dispatcher
      const target = new Target({ url: 'http://a.test', weight: 1, priority: 0, zone: undefined }, 0, settings)
      const probe = health.probe(target, dispatcher, new AbortController().signal)
      probed.push(await probe.then(() => 'well', (error: Error) => error.message))
    }
  }
  const { rule, budget, ...retries } = retry
  const budgeted = [budget?.left]
  for (let i = 0; i < 100; i++) budget?.deposit()
  budgeted.push(budget?.left)
  for (let i = 0; i < 30; i++) {
    await clock.advance(1000)
    budgeted.push(budget?.left)
  }
  return JSON.stringify({
    plain,
    selection,
    limits,
    retries,
    budgeted,
    cookie: affinity?.setCookie('http://a.test'),
    ejection: breaker?.ejection,
    reconnect: [breaker?.reconnect, breaker?.maxEjected],
    faults: [failed('unsent'), failed('failed'), failed('broken'), failed('aborted'), answered(499), answered(500), answered(599)].map(outcome => breaker?.isFault(outcome)),
    ejected: [ejected(1, 1, 0), ejected(2, 1, 0), ejected(3, 1, 0), ejected(2, 1, 700)],
    retried: [500, 502, 503, 504].flatMap(status => ['GET', 'POST'].map(method => rule(answered(status), { method, idempotencyKey: false, replayable: true }))),
    learned,
    probed,
    health,
    tls: [tls.servername, tls.rejectUnauthorized],
    hedge: hedge !== undefined
  }, (_key, value: unknown) => value === Infinity ? 'Infinity' : value)
}

/** Something else that is allowed in its place. */
function another (path: string, value: unknown): unknown {
  const others: Options = {
    policy: 'random',
    'limits.queueOrder': 'newest',
    'health.type': 'tcp',
    'health.method': 'HEAD',
    'health.status': '200-298',
    'health.initial': 'down',
    drainHeader: 'x-other',
    'affinity.path': '/other',
    'affinity.sameSite': 'strict',
    'policy.fallback': 'first',
    'limits.adaptive.initial': 25,
    'limits.adaptive.max': 150,
    'limits.adaptive.min': 10,
    panic: 0.25,
    'health.path': '/x'
  }
  if (path in others) return others[path]
  if (typeof value === 'boolean') return !value
  if (Array.isArray(value)) return value.slice(1)
  const number = Number(value)
  return number === 0 ? 1 : number < 1 ? number / 2 : number > 1e5 ? number + 1 : number * 2 + 1
}

/** What no text shows: it is said elsewhere, by the tests that are named. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'policy.fallback': 'test/options/defaults.test.ts',
  'tls.reloadInterval': 'test/tls/reload.test.ts'
}

t.test('what is said of the defaults of pools holds, and would not if they were others', async t => {
  const plain = await fingerprint(GIVEN)
  let checked = 0
  for (const [path, value] of stated('pools.*.')) {
    if (path in ELSEWHERE) continue
    checked++
    t.equal(await fingerprint(withOption(GIVEN, path.split('.'), value)), plain, path)
    const other = await fingerprint(withOption(GIVEN, path.split('.'), another(path, value))).catch(() => 'refused')
    t.not(other, plain, `${path} makes a difference`)
  }
  t.ok(checked > 50, String(checked))
})

t.test('what is said of the listeners, the log and the shutdown is what the gateway goes by', async t => {
  const own: Options = Object.fromEntries([['listen', LISTEN], ['listen.tls', LISTEN_TLS], ['admin', ADMIN], ['shutdown', SHUTDOWN], ['log', LOG]]
    .flatMap(([group, table]) => Object.entries(table as object).map(([name, value]) => [`${String(group)}.${name}`, value])))
  const { bodyLimit, caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes } = Fastify().initialConfig as unknown as Options
  const standards: Options = { ...own, 'listen.bodyLimit': bodyLimit, 'listen.caseSensitive': caseSensitive ?? true, 'listen.ignoreTrailingSlash': ignoreTrailingSlash, 'listen.ignoreDuplicateSlashes': ignoreDuplicateSlashes }
  for (const group of ['listen.', 'admin.', 'shutdown.', 'log.']) {
    for (const [path, value] of stated(group)) t.same(value, standards[group + path], group + path)
  }
})

t.test('what is said of routes is what the manual says, which its own tests hold', async t => {
  const [section = ''] = /^### Route\n[^]*?(?=^## )/m.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')) ?? []
  const rows = section.split('\n')
  let compared = 0
  for (const [path, value] of stated('routes.*.')) {
    const row = rows.find(line => line.startsWith(`| \`${path}\` |`) || line.startsWith(`| \`${path.split('.').at(-1) ?? ''}\` |`))
    const said = row?.split(' | ')[2]?.replaceAll('`', '').replaceAll("'", '"')
    if (said === undefined || !/^(?:true|false|-?\d+|".*"|\[.*\])$/.test(said)) continue
    compared++
    t.same(JSON.parse(said), value, path)
  }
  t.ok(compared >= 8, String(compared))
})
