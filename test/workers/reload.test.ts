import t from 'tap'
import { named, until } from '../kit/index.js'
import { configuration } from './configuration.js'
import { Clients, PATIENCE, running, type Running } from './kit.js'

async function names (gateway: Running): Promise<unknown[]> {
  return (await gateway.collect('name', PATIENCE)).map(({ value }) => value)
}

t.test('a reload goes from worker to worker and fails no request', async t => {
  const upstreams = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const [a, b, c] = upstreams.map(({ url }) => url) as [string, string, string]
  const gateway = running(t, 2, configuration({ users: { targets: [a, b] } }))
  await gateway.started()
  const clients = new Clients(t, await gateway.url(), { keeping: 6, opening: 2 })
  for (let i = 1; i <= 10; i++) {
    await gateway.reload(configuration({ users: { targets: i % 2 === 1 ? [b, c] : [a, b] } }, { name: `number ${i}` }))
    t.same(await names(gateway), [`number ${i}`, `number ${i}`])
    t.same((await gateway.upstreams())['users']?.map(({ url }) => url), i % 2 === 1 ? [b, c] : [b, a])
  }
  const { length: before } = clients.answers
  await until(() => clients.answers.length > before + 20, PATIENCE)
  const answers = await clients.stop()
  t.same(answers.filter(({ status }) => status !== 200), [])
  t.comment(`${answers.length} answers over 10 reloads`)
  t.notSame(upstreams[2]?.hits(), 0)
})

t.test('the first worker that refuses a configuration ends the reload, and everybody has the old one', async t => {
  const { url } = await named(t, 'a')
  const pools = { users: { targets: [url] } }
  const gateway = running(t, 3, configuration(pools), { reloadTimeout: 2000 })
  await gateway.started()
  const before = await gateway.workers()

  const other = { users: { targets: ['http://127.0.0.1:1'] } }
  await t.rejects(gateway.reload(configuration(other, { name: 'second', refuse: [2] })), {
    code: 'FST_BALANCER_RELOAD_REFUSED', message: 'The new configuration was refused, the old one holds: worker 2 does not like it'
  })
  t.same(await names(gateway), ['first', 'first', 'first'])
  t.same((await gateway.upstreams())['users']?.map(target => target.url), [url], 'the primary probes what it did before')
  t.same((await gateway.totals()).pools['users']?.targets.map(target => target.url), [url])

  await t.rejects(gateway.reload(configuration({ users: { targets: ['nonsense'] } }, { name: 'third' })), {
    code: 'FST_BALANCER_RELOAD_REFUSED', message: /pools\.users\.targets\[0\]: 'nonsense', must be an absolute http: or https: URL/
  })
  t.same((await gateway.workers()).map(({ pid }) => pid), before.map(({ pid }) => pid), 'no worker was asked, and none has ended')

  await t.rejects(gateway.reload(configuration(other, { name: 'fourth', silent: [3] })), { message: /worker 3 did not answer within 2000 ms/ })
  await gateway.line('worker is ready', 4)
  t.same(await names(gateway), ['first', 'first', 'first'], 'nobody knows what one that is silent runs with: it is replaced')

  await t.rejects(gateway.reload(configuration(other, { name: 'fifth', die: [1] })), { message: /worker 1 ended: SIGKILL/ })
  await gateway.line('worker is ready', 5)
  t.same(await names(gateway), ['first', 'first', 'first'])

  await gateway.reload(configuration(pools, { name: 'sixth' }))
  const [victim] = await gateway.workers()
  process.kill(victim?.pid as number, 'SIGKILL')
  await gateway.line('worker is ready', 6)
  t.same(await names(gateway), ['sixth', 'sixth', 'sixth'], 'one that is started later begins with what the others have')
})
