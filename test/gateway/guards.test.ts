import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { named, upstream } from '../kit/index.js'
import { gateway } from '../../lib/gateway/index.js'
import { directory } from './kit.js'

t.test('guards for all and for a route stand before the pool, and are kept by a reload that leaves the routes alone', async t => {
  const users = await named(t, 'users')
  const auth = await upstream(t, ({ headers }, response) => { response.writeHead(headers.cookie === 'session=1' ? 204 : 401, { 'x-user': 'ann' }).end() })
  const keys = join(await directory(t), 'secret')
  await writeFile(keys, 'a secret that is shared\n')
  const document = (headers: number): string => `
    listen: { host: 127.0.0.1, port: 0 }
    log: { level: silent }
    pools:
      users: { targets: ["${users.url}"], timeouts: { headers: ${headers} } }
      auth: { targets: ["${auth.url}"] }
    guards:
      helmet: { strictTransportSecurity: false }
    routes:
      - { prefix: /open, pool: users }
      - { prefix: /limited, pool: users, guards: { rateLimit: { max: 2 } } }
      - { prefix: /keys, pool: users, guards: { basicAuth: { users: { ann: "\${PASSWORD}" } }, identity: { x-user: sub } } }
      - { prefix: /tokens, pool: users, guards: { jwt: { secretFile: "${keys}" } } }
      - { prefix: /asked, pool: users, guards: { forwardAuth: { pool: auth, path: /check, copy: [x-user] } } }
  `
  const running = await gateway(document(5000), { env: { PASSWORD: 'hunter2' } })
  t.teardown(async () => { await running.stop() })
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> => await fetch(running.address + path, { headers })

  const open = await get('/open')
  t.equal(open.status, 200)
  t.equal(open.headers.get('x-content-type-options'), 'nosniff')
  t.notOk(open.headers.has('strict-transport-security'))

  t.equal((await get('/keys', { 'x-user': 'root' })).status, 401)
  const ann = await get('/keys', { authorization: `Basic ${Buffer.from('ann:hunter2').toString('base64')}`, x_user: 'root' })
  t.equal(ann.status, 200)
  const { headers } = await ann.json() as { headers: Record<string, string> }
  t.equal(headers['x-user'], 'ann')
  t.notOk('x_user' in headers)

  t.equal((await get('/tokens')).status, 401)
  t.equal((await get('/asked', { 'x-user': 'root' })).status, 401)
  const asked = await get('/asked', { cookie: 'session=1', 'x-user': 'root' })
  t.match(await asked.json(), { headers: { 'x-user': 'ann' } })

  t.same([(await get('/limited')).status, (await get('/limited')).status, (await get('/limited')).status], [200, 200, 429])
  await running.reload(document(6000))
  t.equal((await get('/limited')).status, 429, 'what was counted is not forgotten')
  const before = users.hits()
  t.equal((await get('/limited')).status, 429)
  t.equal(users.hits(), before, 'and no target is asked')
})

t.test('the limits of two routes do not count together, wherever in the list they stand', async t => {
  const { guardName } = await import('../../lib/gateway/guards.js')
  const names = [
    { pool: 'a' }, { pool: 'a', prefix: '/a' }, { pool: 'a', prefix: '/a', constraints: { host: 'a.test' } }, { pool: 'a', prefix: '/a', httpMethods: ['GET'] as const }, { pool: 'a', prefix: '/a', httpMethods: ['PUT', 'POST'] as const }
  ].map(route => guardName(route as never))
  t.same(names, ['/', '/a', '/a host=a.test', '/a GET', '/a POST,PUT'])
})
