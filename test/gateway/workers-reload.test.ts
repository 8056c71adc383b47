import t from 'tap'
import { named } from '../kit/index.js'
import { Clients } from '../workers/kit.js'
import { replace, start } from './kit.js'
import { status } from './workers-kit.js'

t.test('a reload goes through both workers under load, and costs no request; a broken one is refused with line and path', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const document = (i: number, pool = 'users'): string => `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    log: { requests: false }
    pools: { users: { targets: ["${a.url}", "${b.url}"], timeouts: { headers: ${20_000 + i} } } }
    routes:
      - { prefix: /users, pool: users }
      - { prefix: "/extra-${i}", pool: ${pool} }
  `
  const gateway = await start(t, document(0), { args: ['--no-watch', '--workers', '2'] })
  const clients = new Clients(t, gateway.address, { keeping: 6, opening: 4 })
  for (let i = 1; i <= 6; i++) {
    await replace(gateway.file, document(i, i % 3 === 0 ? 'nobody' : 'users'))
    gateway.child.kill('SIGHUP')
    const line = await gateway.line(/^the configuration was (?:read anew|rejected)/)
    if (i % 3 === 0) t.match(line, { line: 8, column: 37, path: 'routes[1].pool', reason: "'nobody' is not a pool, must be one of users" })
    else t.match(line, { msg: 'the configuration was read anew' })
  }
  const answers = await clients.stop()
  t.same(answers.filter(({ status }) => status !== 200), [], `${answers.length} requests`)
  t.ok(answers.length > 20)
  // Each answer may be of either worker.
  for (const [path, status] of [['/extra-5', 200], ['/extra-6', 404], ['/extra-4', 404]] as const) {
    const statuses = await Promise.all(Array.from({ length: 16 }, async () => (await fetch(gateway.address + path, { headers: { connection: 'close' } })).status))
    t.same(new Set(statuses), new Set([status]), path)
  }
  t.match(await status(gateway), { reloads: 4, workers: [{ state: 'ready', restarts: 0 }, { state: 'ready', restarts: 0 }] })
  t.equal(await gateway.stop(), 0)
})
