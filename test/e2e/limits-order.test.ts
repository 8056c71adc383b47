import t, { type Test } from 'tap'
import type { LimitOptions, RouteOptions } from '../../lib/index.js'
import { gateway, until, type Gateway } from '../kit/index.js'
import { ask, holding, poolIn, type Answer, type Holding } from './holding.js'

interface Line {
  readonly gate: Gateway
  readonly target: Holding
  readonly first: Promise<Answer>
  /** Lets these requests wait in line, one after the other; a digit at the end is their importance. */
  readonly enter: (...paths: string[]) => Promise<Array<Promise<Answer>>>
}

const byPath: RouteOptions = { importance: request => Number(/\d*$/.exec(request.url)?.[0]) }

/** A gateway whose only place is taken. */
async function line (t: Test, limits: LimitOptions, route: RouteOptions = byPath): Promise<Line> {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 0, ...limits }, ...route })
  const pool = poolIn(gate)
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  return {
    gate,
    target,
    first,
    async enter (...paths) {
      const answers: Array<Promise<Answer>> = []
      for (const path of paths) {
        const before = pool.load.waiting
        answers.push(ask(gate, path))
        await until(() => pool.load.waiting === before + 1)
      }
      return answers
    }
  }
}

for (const [queueOrder, expected] of [['oldest', ['/first', '/a', '/b', '/c']], ['newest', ['/first', '/c', '/b', '/a']]] as const) {
  void t.test(`${queueOrder} goes on first`, async t => {
    const { target, first, enter } = await line(t, { queueOrder })
    const answers = await enter('/a', '/b', '/c')
    target.open()
    t.ok((await Promise.all([first, ...answers])).every(({ status }) => status === 200))
    t.same(target.paths, expected)
  })
}

t.test('the most important goes on first, and the order holds among equals', async t => {
  const { target, first, enter } = await line(t, {})
  const answers = await enter('/a', '/b5', '/c1', '/d5')
  target.open()
  await Promise.all([first, ...answers])
  t.same(target.paths, ['/first', '/b5', '/d5', '/c1', '/a'])
})

t.test('routes of one pool may have importances of their own', async t => {
  const target = await holding(t)
  const gate = await gateway(t, {
    pools: { shared: { targets: [target.url], limits: { inFlight: 1 } } },
    routes: [{ pool: 'shared', prefix: '/low', rewritePrefix: '/low', importance: -1 }, { pool: 'shared', prefix: '/high', rewritePrefix: '/high', importance: 1 }]
  })
  const pool = poolIn(gate)
  const answers = [ask(gate, '/low/0')]
  await until(() => target.held() === 1)
  for (const [i, path] of ['/low/1', '/high/2'].entries()) {
    answers.push(ask(gate, path))
    await until(() => pool.load.waiting === i + 1)
  }
  const own = pool.request({ method: 'GET', path: '/own', importance: 2 })
  await until(() => pool.load.waiting === 3)
  target.open()
  await Promise.all(answers)
  await (await own).body.dump()
  t.same(target.paths, ['/low/0', '/own', '/high/2', '/low/1'])
})

t.test('in a full line the more important takes the place of the less important, which is told at once', async t => {
  const { gate, target, first, enter } = await line(t, { queue: 2 })
  const [a, b] = await enter('/a1', '/b')
  const same = await ask(gate, '/c')
  t.match(same, { status: 503, code: 'FST_BALANCER_QUEUE_FULL' }, 'not for one that is no more important')
  const more = ask(gate, '/d2')
  t.match(await b, { status: 503, code: 'FST_BALANCER_QUEUE_FULL', headers: { 'retry-after': '1' } })
  t.equal(poolIn(gate).load.waiting, 2)
  target.open()
  t.same((await Promise.all([first, a, more])).map(answer => answer?.status), [200, 200, 200])
  t.same(target.paths, ['/first', '/d2', '/a1'])
})

t.test('an importance that is no finite number, or that throws, is a 500 and leaves nothing behind', async t => {
  for (const importance of [() => NaN, () => Infinity, () => 'high' as unknown as number, async () => 1, () => { throw new Error('sorry') }]) {
    const target = await holding(t)
    target.open()
    const gate = await gateway(t, { targets: [target.url], importance: importance as () => number })
    const { status, text } = await ask(gate, '/')
    t.equal(status, 500)
    t.notMatch(text, '127.0.0.1')
    t.same(poolIn(gate).load, { inFlight: 0, streams: 0, waiting: 0 })
    t.equal(target.hits(), 0)
  }
})
