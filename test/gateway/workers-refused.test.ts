import t from 'tap'
import { named } from '../kit/index.js'
import { replace, start } from './kit.js'
import { status } from './workers-kit.js'

t.test('an address that can not be listened on is refused for all workers, and then all is as before', async t => {
  const { url } = await named(t, 'a')
  const document = (host: string): string => `
    listen: { host: ${host}, port: 0 }
    admin: { port: 0 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document('127.0.0.1'), { args: ['--no-watch', '--workers', '2'] })
  // An address of nobody here (RFC 5737).
  await replace(gateway.file, document('192.0.2.1'))
  gateway.child.kill('SIGHUP')
  t.match(await gateway.line(/rejected/), { line: 2, path: 'listen', reason: /EADDRNOTAVAIL/ })
  t.equal((await fetch(`${gateway.address}/users`)).status, 200)
  t.match(await status(gateway), { reloads: 0, workers: [{ state: 'ready' }, { state: 'ready' }] })
  t.equal(await gateway.stop(), 0)
})
