import t, { type Test } from 'tap'
import balancer from '../../lib/index.js'
import { gateway, logged, named, until, upstream, type Upstream } from '../kit/index.js'

/** Answers `/healthz` with whatever status it is set to, and everything else with its name. */
async function patient (t: Test, name: string): Promise<Upstream & { status: number, readonly probes: () => number }> {
  let probes = 0
  const made = await upstream(t, (request, response) => {
    if (request.url?.startsWith('/healthz') === true) {
      probes++
      response.writeHead(state.status).end()
    } else {
      response.setHeader('x-name', name)
      response.end(name)
    }
  })
  const state = Object.assign(made, { status: 200, probes: () => probes })
  return state
}

const QUICK = { path: '/healthz', interval: 10, rise: 2, fall: 3 } as const

t.test('the same target is up in one pool and down in another that asks for something else', async t => {
  const [shared, other] = [await patient(t, 'shared'), await patient(t, 'other')]
  const targets = [shared.url, other.url]
  shared.status = 418
  const { app, request } = await gateway(t, {
    pools: { strict: { targets, health: QUICK }, lenient: { targets, health: { ...QUICK, status: [200, 418] } }, blind: { targets } },
    routes: [{ prefix: '/strict', pool: 'strict' }, { prefix: '/lenient', pool: 'lenient' }, { prefix: '/blind', pool: 'blind' }]
  })
  const states = (name: string): unknown => app.upstreams[name]?.targets.map(({ health, reason }) => [health, reason])
  await until(() => app.upstreams['strict']?.targets[0]?.health === 'down')
  const seen = shared.probes()
  await until(() => shared.probes() > seen + 10)
  t.same(states('strict'), [['down', 'status 418'], ['up', undefined]])
  t.same(states('lenient'), [['up', undefined], ['up', undefined]])
  t.same(states('blind'), [['up', undefined], ['up', undefined]])
  const answers = async (prefix: string): Promise<string[]> => {
    const names: string[] = []
    for (let i = 0; i < 4; i++) names.push(await (await request(prefix)).body.text())
    return [...new Set(names)].sort()
  }
  t.same(await answers('/strict'), ['other'])
  t.same(await answers('/lenient'), ['other', 'shared'])
  t.same(await answers('/blind'), ['other', 'shared'])
})

t.test('there is one log line for each change and none for a probe', async t => {
  const [a, b] = [await patient(t, 'a'), await patient(t, 'b')]
  const { app, log } = await gateway(t, { name: 'users', targets: [a.url, b.url], health: QUICK })
  const about = (): unknown[] => log.filter(({ pool }) => pool === 'users').map(({ level, msg, target, was, health, reason }) => [level, msg, target, was, health, reason])
  const member = (): string | undefined => app.upstreams['users']?.targets[1]?.health
  await until(() => b.probes() > 10)
  t.same(about(), [], 'being well is no news')
  b.status = 500
  await until(() => member() === 'down')
  const failures = b.probes()
  await until(() => b.probes() > failures + 10)
  const down = [40, 'target is down', b.url, 'up', 'down', 'status 500']
  t.same(about(), [down])
  b.status = 200
  await until(() => member() === 'up')
  await until(() => a.probes() > 30)
  t.same(about(), [down, [30, 'target is up', b.url, 'down', 'up', 'probes succeed']])
})

t.test('a pool that several routes lead to is probed once', async t => {
  const a = await patient(t, 'a')
  await gateway(t, {
    pools: { users: { targets: [a.url], health: { path: '/healthz', interval: 60_000 } } },
    routes: [{ prefix: '/one', pool: 'users' }, { prefix: '/two', pool: 'users' }]
  })
  await until(() => a.probes() === 1)
  // A second loop would have sent its first probe with this one.
  await new Promise(resolve => { setTimeout(resolve, 50) })
  t.equal(a.probes(), 1)
})

t.test('probes start when the app is ready and not before, listening or not', async t => {
  const a = await patient(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { targets: [a.url], health: QUICK })
  await new Promise(resolve => { setTimeout(resolve, 50) })
  t.equal(a.hits(), 0)
  await app.ready()
  await until(() => a.probes() >= 3)
  const answer = await app.inject('/')
  t.equal(answer.body, 'a')
})

t.test('a registration that fails starts no probe', async t => {
  const a = await patient(t, 'a')
  const { app } = logged()
  await app.register(balancer, { name: 'users', targets: [a.url], health: QUICK })
  app.register(balancer, { prefix: '/other', name: 'users', targets: [a.url], health: QUICK })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_BALANCER_BAD_OPTION' })
  await new Promise(resolve => { setTimeout(resolve, 50) })
  t.equal(a.hits(), 0)
  await app.close()
})

t.test('a target that goes down with requests in flight answers them still', async t => {
  const pending: Array<() => void> = []
  let status = 200
  const slow = await upstream(t, (request, response) => {
    if (request.url === '/healthz') response.writeHead(status).end()
    else pending.push(() => { response.end('late') })
  })
  const b = await named(t, 'b')
  const { app, request } = await gateway(t, { name: 'users', policy: 'first', targets: [slow.url, b.url], health: QUICK })
  const waiting = request('/')
  await until(() => pending.length === 1)
  status = 500
  await until(() => app.upstreams['users']?.targets[0]?.health === 'down')
  const other = await request('/')
  t.equal(other.headers['x-name'], 'b')
  await other.body.dump()
  pending.forEach(answer => { answer() })
  t.equal(await (await waiting).body.text(), 'late')
})
