import t from 'tap'
import { until } from '../kit/index.js'
import { ApiServer, usersSlice } from './api-server.js'
import { Heard, PATIENCE, users } from './kit.js'

t.test('the list, then every change of it, through the real client', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1', '10.0.0.2']))
  api.apply({ ...usersSlice('orders-a', ['10.0.9.9']), metadata: { name: 'orders-a', namespace: 'default', labels: { 'kubernetes.io/service-name': 'orders' } } })
  const { version } = api
  const heard = new Heard(t, users(api))
  await heard.has('10.0.0.1', '10.0.0.2')
  await until(() => api.watchers === 1, PATIENCE)
  api.apply(usersSlice('users-b', ['10.0.0.3']))
  await heard.has('10.0.0.1', '10.0.0.2', '10.0.0.3')
  api.apply(usersSlice('users-a', ['10.0.0.2']))
  await heard.has('10.0.0.2', '10.0.0.3')
  api.apply(usersSlice('users-a', [['10.0.0.2', { ready: false, serving: true, terminating: true }]]))
  await until(() => (heard.lists.at(-1)?.[0] as { draining?: string }).draining === 'terminating', PATIENCE)
  api.delete('users-a')
  await heard.has('10.0.0.3')
  api.delete('users-b')
  await until(() => heard.lists.at(-1)?.length === 0, PATIENCE)
  await heard.end()
  t.same(heard.errors, [])

  t.same(api.verbs(), ['list', 'watch'])
  const [list, watch] = api.asked
  t.match(list, { query: { labelSelector: 'kubernetes.io/service-name=users', limit: '500' }, headers: { 'user-agent': 'fastify-balancer', authorization: `Bearer ${api.token}` } })
  t.match(watch, { query: { labelSelector: 'kubernetes.io/service-name=users', resourceVersion: version, allowWatchBookmarks: 'true' }, headers: { 'user-agent': 'fastify-balancer' } })
  const seconds = Number(watch?.query['timeoutSeconds'])
  t.ok(seconds >= 300 && seconds <= 600, `${seconds} s`)
})

t.test('over http, as from kubectl proxy', async t => {
  const api = await ApiServer.start(t, { secure: false })
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.apply(usersSlice('users-a', ['10.0.0.2']))
  await heard.has('10.0.0.2')
  await heard.end()
  t.same(heard.errors, [])
  await until(() => api.connections === 0, PATIENCE)
})

t.test('a change that changes no target is not passed on, and an empty service is an empty list', async t => {
  const api = await ApiServer.start(t)
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  t.same(heard.lists, [[]])
  const slice = usersSlice('users-a', ['10.0.0.1'])
  api.apply(slice)
  await heard.has('10.0.0.1')
  for (let i = 0; i < 5; i++) api.apply({ ...slice, metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, i: String(i) } } })
  api.apply(usersSlice('users-b', ['10.0.0.2']))
  await heard.has('10.0.0.1', '10.0.0.2')
  t.equal(heard.lists.length, 3)
})

t.test('a watch that ends is gone on with, and what happened meanwhile comes with it', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.apply(usersSlice('users-b', ['10.0.0.2']))
  await heard.has('10.0.0.1', '10.0.0.2')
  for (const end of [() => { api.endWatches() }, () => { api.cut() }]) {
    const { version } = api
    end()
    api.apply(usersSlice('users-c', ['10.0.0.3']))
    api.delete('users-a')
    await heard.has('10.0.0.2', '10.0.0.3')
    t.equal(api.asked.at(-1)?.query['resourceVersion'], version)
    await until(() => api.watchers === 1, PATIENCE)
    api.apply(usersSlice('users-a', ['10.0.0.1']))
    api.delete('users-c')
    await heard.has('10.0.0.1', '10.0.0.2')
  }
  t.same(api.verbs(), ['list', 'watch', 'watch', 'watch'])
})

t.test('a bookmark is where the next watch begins', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  for (let i = 0; i < 10; i++) api.bookmark()
  api.compact()
  api.endWatches()
  await until(() => api.watchers === 1, PATIENCE)
  t.same(api.verbs(), ['list', 'watch', 'watch'], 'the version of the list has expired, that of the bookmark has not')
  t.equal(api.asked.at(-1)?.query['resourceVersion'], api.version)
  await heard.has('10.0.0.1')
})

for (const gone of ['event', 'status'] as const) {
  t.test(`410 as ${gone === 'event' ? 'an event' : 'a status'}: a new list, in which deletions show`, async t => {
    const api = await ApiServer.start(t)
    api.gone = gone
    api.apply(usersSlice('users-a', ['10.0.0.1']))
    api.apply(usersSlice('users-b', ['10.0.0.2']))
    const heard = new Heard(t, users(api))
    await until(() => api.watchers === 1, PATIENCE)
    api.endWatches()
    api.delete('users-a')
    api.apply(usersSlice('users-c', ['10.0.0.3']))
    api.compact()
    await heard.has('10.0.0.2', '10.0.0.3')
    await until(() => api.watchers === 1, PATIENCE)
    t.same(api.verbs(), ['list', 'watch', 'watch', 'list', 'watch'])
    t.same(heard.errors, [])
  })
}

t.test('any other error of a watch: a new list', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.fail(500, 'InternalError')
  await until(() => api.asked.length === 4 && api.watchers === 1, PATIENCE)
  t.same(api.verbs(), ['list', 'watch', 'list', 'watch'])
  api.apply(usersSlice('users-a', ['10.0.0.2']))
  await heard.has('10.0.0.2')
  t.same(heard.errors, [])
})

t.test('a line that was cut off in the middle comes again', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.write('{"type":"MODIFIED","object":{"metadata":{"name":"users-a","resourceVers')
  api.endWatches()
  api.apply(usersSlice('users-a', ['10.0.0.2']))
  await heard.has('10.0.0.2')
  t.same(heard.errors, [])
})

t.test('a list in pages is one list, and once more in one piece when its pages expire', async t => {
  const api = await ApiServer.start(t)
  api.page = 2
  for (let i = 1; i <= 5; i++) api.apply(usersSlice(`users-${i}`, [`10.0.0.${i}`]))
  const heard = new Heard(t, users(api))
  await heard.has('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5')
  t.same(api.verbs().slice(0, 3), ['list', 'list', 'list'])
  await until(() => api.watchers === 1, PATIENCE)
  await heard.end()

  api.asked.length = 0
  api.expireNext = true
  const again = new Heard(t, users(api))
  await again.has('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5')
  t.same(api.asked.map(({ query: { limit, continue: token } }) => [limit, token !== undefined]).slice(0, 3), [['500', false], ['500', true], [undefined, false]])
})

t.test('a burst of changes is few lists, and the last one is right', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  await heard.has('10.0.0.1')
  for (let i = 2; i <= 100; i++) api.apply(usersSlice('users-a', [`10.0.0.${i}`]))
  await heard.has('10.0.0.100')
  t.ok(heard.lists.length <= 10, `${heard.lists.length} lists for 100 changes`)
})

t.test('no event is lost, whatever happens to the watches and whenever', async t => {
  const api = await ApiServer.start(t)
  api.page = 3
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  // mulberry32, so that a failure can be repeated.
  let seed = Number(process.env['FUZZ_SEED'] ?? 20260304)
  t.comment(`FUZZ_SEED=${seed}`)
  const draw = (below: number): number => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
  const there = new Map<string, string[]>()
  const troubles = [() => { api.endWatches() }, () => { api.cut() }, () => { api.compact() }, () => { api.bookmark() },
    () => { api.gone = api.gone === 'event' ? 'status' : 'event' }, () => { api.fail(500, 'InternalError') }]
  for (let round = 0; round < 40; round++) {
    for (let i = draw(6); i >= 0; i--) {
      const name = `users-${draw(8)}`
      if (there.has(name) && draw(3) === 0) {
        api.delete(name)
        there.delete(name)
      } else {
        const addresses = Array.from({ length: 1 + draw(3) }, () => `10.0.${draw(4)}.${1 + draw(200)}`)
        api.apply(usersSlice(name, addresses))
        there.set(name, addresses)
      }
      if (draw(2) === 0) troubles[draw(troubles.length)]?.()
      if (draw(3) === 0) await new Promise(resolve => { setTimeout(resolve, draw(30)) })
    }
    if (round % 10 !== 9) continue
    const wanted = [...new Set([...there.values()].flat())].map(address => `http://${address}:8080`).sort().map(url => new URL(url).hostname)
    await heard.has(...wanted)
    t.same(heard.hosts, wanted, `${wanted.length} targets after ${round + 1} rounds`)
  }
  for (const { message } of heard.errors) t.match(message, /^(list|watch) EndpointSlices of default\/users at https:/, 'it may be cut off while it asks')
  t.ok(api.verbs().filter(verb => verb === 'list').length > 1)
})
