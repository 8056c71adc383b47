import t from 'tap'
import { Agent } from 'undici'
import { named } from '../kit/index.js'
import { configuration } from './configuration.js'
import { running } from './kit.js'

t.test('what workers count is summed, and what is limited is divided', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const gateway = running(t, 2, configuration({ users: { targets: [a.url, b.url], limits: { target: 5 } } }))
  await gateway.started()
  const origin = await gateway.url()
  const pids = new Set<string>()
  let sent = 0
  // New connections, until both workers have had some.
  while (pids.size < 2 || sent < 40) {
    const agent = new Agent({ connections: 1, pipelining: 0 })
    const { headers, body } = await agent.request({ origin, path: '/users/', method: 'GET' })
    await body.dump()
    await agent.close()
    pids.add(String(headers['x-worker']))
    sent++
  }
  const { workers, pools, silent } = await gateway.totals()
  t.same(workers.map(({ id, state }) => [id, state]), [[1, 'ready'], [2, 'ready']])
  t.same(silent, [])
  const { users } = pools
  t.same(users?.load, { inFlight: 0, streams: 0, waiting: 0 })
  t.same(users?.targets.map(({ url }) => url), [a.url, b.url])
  t.equal(users?.targets.reduce((sum, { counters }) => sum + counters.answered, 0), sent)
  t.same(users?.targets.map(({ counters }) => counters.attempts), [a.hits(), b.hits()])
  t.same(users?.targets.map(({ limit }) => limit), [6, 6], 'each worker has 3')
  t.same(users?.targets.map(({ health, opinions }) => [health, opinions]), [['up', undefined], ['up', undefined]])

  const reasons = async (name: string, ms?: number): Promise<unknown[]> =>
    (await gateway.collect(name, ms)).map(answer => 'error' in answer ? (answer.error as Error).message : answer.value)
  t.same(await reasons('nothing'), Array(2).fill("nothing is answered to 'nothing', only to pools, name, function, throws, hangs, port"))
  t.same(await reasons('throws'), Array(2).fill('no answer for you'))
  t.match((await reasons('function'))[0], /could not be cloned/)
  t.same(await reasons('hangs', 50), ['worker 1 did not answer within 50 ms', 'worker 2 did not answer within 50 ms'])
})
