import t from 'tap'
import { named } from '../kit/index.js'
import { Clients, eventually } from '../workers/kit.js'
import { start } from './kit.js'
import { forwarders, status, type Worker } from './workers-kit.js'

/** Milliseconds in which another worker must serve, on a machine that is as busy as it likes. */
const SOON = 10_000

t.test('kill -9 of a worker under load fails only what it had in flight, and a new one serves soon', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    workers: 2
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `)
  const [keeping, opening] = [8, 4]
  const clients = new Clients(t, gateway.address, { keeping, opening })
  await eventually(async () => forwarders(gateway.lines).size === 2)
  await eventually(async () => (await status(gateway)).spare)
  const { workers: [victim] } = await status(gateway) as unknown as { workers: [Worker] }
  const seen = gateway.lines.length
  const killedAt = performance.now()
  process.kill(victim.pid, 'SIGKILL')
  await gateway.line(/^worker has ended/)
  await gateway.line(/^worker is ready$/)
  const served = performance.now() - killedAt
  await eventually(async () => gateway.lines.slice(seen).some(({ msg, pid, worker }) => msg === 'request forwarded' && worker === 1 && pid !== victim.pid))
  const answers = await clients.stop()

  const failed = answers.filter(({ status }) => status !== 200)
  t.ok(failed.length <= keeping + opening, 'each client had one request in flight at the most')
  t.same(failed.filter(({ began }) => began > killedAt + 1000).map(({ error }) => error?.message), [], 'what was begun later goes well')
  t.ok(served < SOON, `the next worker served after ${Math.round(served)} ms`)
  t.comment(`${answers.length} answers, ${failed.length} failed; the next worker was ready after ${Math.round(served)} ms`)
  t.match((await status(gateway)).workers, [{ id: 1, restarts: 1, state: 'ready' }, { id: 2, restarts: 0 }])
  t.equal(await gateway.stop(), 0)
})
