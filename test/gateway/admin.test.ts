import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import t from 'tap'
import { named } from '../kit/index.js'
import { replace, start, type Started } from './kit.js'
import { ask, forwarders } from './workers-kit.js'

async function get (gateway: Started, path: string, init: RequestInit = {}): Promise<{ status: number, type: string | null, text: string }> {
  const response = await fetch(gateway.admin + path, init)
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

/** With a Host of its own. */
async function request (options: RequestOptions, body: string): Promise<{ status: number | undefined, text: string }> {
  const asked = httpRequest({ host: '127.0.0.1', ...options }).end(body)
  const [response] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return { status: response.statusCode, text }
}

/** The sum of a metric's samples that have all of these labels. */
function sample (text: string, name: string, labels: Readonly<Record<string, string>>): number {
  return text.split('\n').filter(line => line.startsWith(`fastify_balancer_${name}{`) && Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

t.test('a gateway without code has a dashboard, a status API and metrics, which know the pools of the moment', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const document = (pools: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0, dashboard: true, actions: true, metrics: true }
    pools: { ${pools} }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document(`users: { targets: ["${a.url}", "${b.url}"] }`))
  for (let i = 0; i < 4; i++) await (await fetch(`${gateway.address}/users`)).text()

  t.match(await get(gateway, '/dashboard/'), { status: 200, type: /^text\/html/ })
  t.match(JSON.parse((await get(gateway, '/dashboard/api/state')).text), { pools: [{ name: 'users', targets: [{ url: a.url, health: 'up' }, { url: b.url }] }], routes: [{ prefix: '/users', pool: 'users', requests: 4 }] })
  const drained = await get(gateway, '/dashboard/api/pools/users/drain', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ target: a.url }) })
  t.match(JSON.parse(drained.text), { health: 'draining', cause: 'operator' })
  const rebound = await request({
    port: Number(new URL(gateway.admin).port), path: '/dashboard/api/pools/users/drain', method: 'POST', headers: { host: 'evil.test', origin: 'http://evil.test', 'content-type': 'application/json' }
  }, JSON.stringify({ target: b.url }))
  t.match(rebound, { status: 403, text: /Host is evil\.test, must be an address or localhost/ }, 'a name that leads here is not us')
  t.match(await gateway.line(/^an operator has changed a target$/), { who: '127.0.0.1', action: 'drained', target: a.url })
  const metrics = await get(gateway, '/metrics')
  t.match(metrics, { status: 200, type: /^text\/plain/ })
  t.equal(sample(metrics.text, 'requests_total', { pool: 'users' }), 4)
  t.match(await get(gateway, '/metrics', { headers: { accept: 'application/openmetrics-text' } }), { type: /^application\/openmetrics-text/, text: /# EOF\n$/ })

  await replace(gateway.file, document(`users: { targets: ["${b.url}"] }, orders: { targets: ["${a.url}"] }`).replace('users }]', 'users }, { prefix: /orders, pool: orders }]').replace('metrics: true', 'metrics: false'))
  gateway.child.kill('SIGHUP')
  t.match(await gateway.line(/^these options take effect with a restart$/), { options: ['admin.metrics'] })
  await gateway.line(/^the configuration was read anew$/)
  await (await fetch(`${gateway.address}/orders`)).text()
  const { text } = await get(gateway, '/metrics')
  t.same([sample(text, 'requests_total', { pool: 'users' }), sample(text, 'requests_total', { pool: 'orders' })], [4, 1])
  t.match(JSON.parse((await get(gateway, '/dashboard/api/state')).text), { routes: [{ prefix: '/users', requests: 0 }, { prefix: '/orders', requests: 1 }] })
  t.equal(await gateway.stop(), 0)
})

t.test('without being asked for there is neither, and nobody may act unless the document says so', async t => {
  const a = await named(t, 'a')
  const document = (admin: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0${admin} }
    pools: { users: { targets: ["${a.url}"] } }
    routes: [{ pool: users }]
  `
  const plain = await start(t, document(''))
  t.same([(await get(plain, '/dashboard/')).status, (await get(plain, '/dashboard/api/state')).status, (await get(plain, '/metrics')).status], [404, 404, 404])
  t.equal(await plain.stop(), 0)
  const looking = await start(t, document(', dashboard: true'))
  t.match(JSON.parse((await get(looking, '/dashboard/api/state')).text), { pools: [{ name: 'users' }] })
  t.equal((await get(looking, '/dashboard/api/pools/users/drain', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ target: a.url }) })).status, 403)
  t.equal(await looking.stop(), 0)
})

t.test('the metrics of several workers are one, and what is asked of readiness changes with the document', async t => {
  const a = await named(t, 'a')
  const document = (require: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0, metrics: true, dashboard: true, require: ${require} }
    workers: 2
    pools: { users: { targets: ["${a.url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document('any'))
  t.match(gateway.lines.find(({ msg }) => msg.startsWith('there is no dashboard with several workers')), { level: 40, option: 'admin.dashboard' })
  await ask(gateway, '/users', () => forwarders(gateway.lines).size === 2)
  const { text } = await get(gateway, '/metrics')
  const answered = gateway.lines.filter(({ msg }) => msg === 'request forwarded').length
  t.equal(sample(text, 'requests_total', { pool: 'users' }), answered)
  t.equal(sample(text, 'targets', { pool: 'users' }), 1, 'a target of all is one')

  await replace(gateway.file, document('all'))
  gateway.child.kill('SIGHUP')
  t.match(await gateway.line(/^the configuration was read anew$/), { admin: gateway.admin })
  t.equal((await get(gateway, '/ready')).status, 200)
  t.equal(await gateway.stop(), 0)
})
