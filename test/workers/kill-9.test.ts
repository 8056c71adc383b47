import t from 'tap'
import { named } from '../kit/index.js'
import { REUSE_PORT } from '../../lib/workers/listening.js'
import { configuration } from './configuration.js'
import { freePort } from './free-port.js'
import { Clients, PATIENCE, running } from './kit.js'
import { until } from '../kit/index.js'

// With reusePort each worker has a socket of its own, which needs a port that is known before.
for (const [how, port] of [['one socket', async () => 0], ...REUSE_PORT ? [['a socket each', freePort] as const] : []] as const) {
  t.test(`kill -9 of a worker under load fails only what it had in flight, with ${how}`, async t => {
    const [a, b] = [await named(t, 'a'), await named(t, 'b')]
    const gateway = running(t, 2, configuration({ users: { targets: [a.url, b.url] } }, { port: await port() }), { spare: true })
    await gateway.started()
    const keeping = 8
    const opening = 4
    const clients = new Clients(t, await gateway.url(), { keeping, opening })
    const pids = (await gateway.workers()).map(({ pid }) => pid as number)
    await until(() => pids.every(pid => clients.answers.some(answer => answer.pid === pid)), PATIENCE)

    const [victim] = pids as [number]
    const killedAt = performance.now()
    process.kill(victim, 'SIGKILL')
    await gateway.line('worker is ready', 3)
    const readyAt = performance.now()
    const [{ pid: successor }] = await gateway.workers() as unknown as [{ pid: number }]
    await until(() => clients.answers.some(({ pid }) => pid === successor), PATIENCE)
    const answers = await clients.stop()

    t.notOk(pids.includes(successor))
    const failed = answers.filter(({ status }) => status !== 200)
    t.ok(failed.length <= keeping + opening, 'each client had one request in flight at the most')
    // What was begun once the connections of the victim were known to be closed goes well.
    const late = failed.filter(({ began }) => began > killedAt + 1000)
    t.same(late.map(({ error }) => error?.message), [])
    t.ok(answers.every(({ began, ended }) => ended - began < 10_000), 'nobody hangs')
    t.equal(answers.filter(({ pid, began }) => pid === victim && began > killedAt + 1000).length, 0)
    t.comment(`${answers.length} answers, ${failed.length} failed; the next worker was ready after ${Math.round(readyAt - killedAt)} ms`)
  })
}
