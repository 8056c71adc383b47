import t from 'tap'
import { selecting } from './kit/selecting.js'

const ANY = [{}, {}, {}]

t.test('nobody is picked who is down, drained or has been tried', async t => {
  const it = selecting([...ANY, {}])
  it.change('a', ({ standing }) => { standing.judge('sick') })
  it.change('b', target => { target.drain(true) })
  t.same(it.picks(100), { a: 0, b: 0, c: 50, d: 50 })
  t.equal(it.pick('c'), 'd')
  t.equal(it.pick('cd', false), undefined)
})

t.test('those that are thought to be down are the last resort, those that are drained are none', async t => {
  const it = selecting(ANY)
  it.change('a', ({ standing }) => { standing.eject('ejected', true) })
  it.change('b', target => { target.drain(true) })
  t.equal(it.selection.hasUntried([it.target('c')], true, false), true)
  t.equal(it.selection.hasUntried([it.target('c')], false, false), false)
  t.equal(it.pick('c'), 'a')
  t.equal(it.pick('c', false), undefined)
  t.equal(it.pick('ac'), undefined)
  t.equal(it.selection.hasUntried([it.target('a'), it.target('c')], true, false), false)
})

t.test('one that has yet to pass its first probe is a last resort too', async t => {
  const it = selecting(ANY)
  it.newcomers.add(it.target('a'))
  it.change('a', ({ standing }) => { standing.awaitProbe('not probed yet') })
  t.equal(it.picks(30)['a'], 0)
  t.equal(it.pick('bc'), 'a')
})

t.test('full targets are passed over, and when all are full there is nobody', async t => {
  const it = selecting(ANY, 'first', {}, { limits: { target: 1, connections: 0, adaptive: undefined } })
  const settle = it.target('a').begin()
  t.same(it.picks(10), { a: 0, b: 10, c: 0 })
  it.target('b').begin()
  t.equal(it.pick('c'), undefined, 'the others are full')
  t.equal(it.selection.hasRoom(), true)
  it.target('c').begin()
  t.equal(it.selection.hasRoom(), false)
  t.equal(it.pick(), undefined)
  t.equal(it.selection.hasUntried([], true, false), false)
  settle({ kind: 'answered', status: 200, latency: 1 })
  t.equal(it.pick(), 'a')
})

t.test('a stream is let through where only requests are limited', async t => {
  const it = selecting([{}], 'first', {}, { limits: { target: 1, connections: 0, adaptive: undefined } })
  it.target('a').begin()
  const choice = { key: undefined, attempt: 0, stream: true }
  t.equal(it.selection.choose(choice, [], true), it.target('a'))
  t.equal(it.selection.hasUntried([], false, true), true)
})

t.test('with nobody left the selection is empty, with everybody down it is not', async t => {
  const it = selecting(ANY)
  for (const name of 'abc') it.change(name, ({ standing }) => { standing.eject('ejected', true) })
  t.equal(it.selection.empty, false)
  t.same(it.picks(9), { a: 3, b: 3, c: 3 }, 'any of them may be well again')
  for (const name of 'abc') it.change(name, target => { target.drain(true) })
  t.equal(it.selection.empty, true)
  t.equal(it.pick(), undefined)
  t.equal(it.selection.panicking, false)
})

t.test('a client goes to its own target, unless that is not up, full or has been tried', async t => {
  const it = selecting(ANY, 'first', {}, { limits: { target: 1, connections: 0, adaptive: undefined } })
  const own = (name: string, tried: string = ''): string | undefined => it.selection.choose(
    { key: undefined, attempt: 0, stick: { find: targets => targets.find(({ url }) => url === `http://${name}.test`) } }, [...tried].map(it.target), true)?.url
  t.equal(own('c'), 'http://c.test')
  t.equal(own('gone'), 'http://a.test')
  t.equal(own('c', 'b'), 'http://a.test', 'not for a further attempt')
  it.target('c').begin()
  t.equal(own('c'), 'http://a.test')
  it.change('b', ({ standing }) => { standing.eject('ejected', false) })
  t.equal(own('b'), 'http://a.test')
})

t.test('a policy that throws, or returns a target that it was not given, fails by name', async t => {
  const throwing = selecting(ANY, () => { throw new Error('oops') })
  t.throws(() => throwing.pick(), { code: 'FST_BALANCER_POLICY', cause: { message: 'oops' } })
  const [stranger] = selecting(ANY).targets
  const wrong = selecting(ANY, () => stranger as never)
  t.throws(() => wrong.pick(), { code: 'FST_BALANCER_POLICY' })
})
