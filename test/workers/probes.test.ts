import type { Socket } from 'node:net'
import t from 'tap'
import { named, upstream } from '../kit/index.js'
import type { PoolSnapshots } from '../../lib/workers/index.js'
import { configuration } from './configuration.js'
import { eventually, running, type Running } from './kit.js'

const INTERVAL = 50

/** How each worker sees a target. */
async function opinions (gateway: Running, url: string): Promise<string[]> {
  const answers = await gateway.collect('pools', 10_000)
  return answers.map(({ value }) => {
    const target = (value as PoolSnapshots)['users']?.targets.find(target => target.url === url)
    return `${target?.health}: ${target?.reason}`
  })
}

t.test('three workers have one prober, whose verdicts all of them use, also those that come later', async t => {
  let well = true
  const probers = new Set<Socket>()
  let probes = 0
  const { url } = await upstream(t, ({ url, socket }, response) => {
    if (url === '/healthz') {
      probes++
      if (!probers.has(socket)) socket.once('close', () => { probers.delete(socket) })
      probers.add(socket)
      response.statusCode = well ? 200 : 500
    }
    response.end()
  })
  const other = await named(t, 'other')
  const health = { path: '/healthz', interval: INTERVAL, jitter: 0, timeout: 10_000, rise: 2, fall: 2 }
  const gateway = running(t, 3, configuration({ users: { targets: [url, other.url], health, panic: 0 } }))
  await gateway.started()
  t.same(await opinions(gateway, url), Array(3).fill('up: undefined'))
  t.equal(probers.size, 1, 'one connection for all probes')

  const [from, before] = [performance.now(), probes]
  await eventually(async () => probes > before + 10)
  t.ok(probes - before <= (performance.now() - from) / INTERVAL + 2, 'as many probes as one prober sends')

  well = false
  await eventually(async () => (await opinions(gateway, url)).every(opinion => opinion.startsWith('down: ')))
  t.same(await opinions(gateway, url), Array(3).fill('down: status 500'))

  const [victim] = await gateway.workers()
  process.kill(victim?.pid as number, 'SIGKILL')
  const seen = probes
  await gateway.line('worker is ready', 4)
  t.same(await opinions(gateway, url), Array(3).fill('down: status 500'), 'a new worker begins with what is known')
  t.ok(probes > seen)

  well = true
  await eventually(async () => (await opinions(gateway, url)).every(opinion => opinion === 'up: undefined'))
  t.equal(probers.size, 1)
})

t.test('a target that joins with a reload waits, in every worker, for its first probe', async t => {
  let answer: (() => void) | undefined
  const { url } = await upstream(t, (request, response) => {
    if (request.url === '/healthz') answer = () => { response.end() }
    else response.end()
  })
  const first = await upstream(t, (_request, response) => { response.end() })
  const health = { path: '/healthz', interval: INTERVAL, timeout: 60_000 }
  const gateway = running(t, 2, configuration({ users: { targets: [first.url], health } }))
  await gateway.started()
  await gateway.reload(configuration({ users: { targets: [first.url, url], health } }))
  await eventually(async () => answer !== undefined)
  t.same(await opinions(gateway, url), Array(2).fill('down: not probed yet'))
  answer?.()
  await eventually(async () => (await opinions(gateway, url)).every(opinion => opinion === 'up: undefined'))
  t.pass('it has joined everywhere')
})
