import t from 'tap'
import { gateway } from '../../lib/gateway/index.js'
import { named, REFUSING, until } from '../kit/index.js'
import { start, type Line } from './kit.js'

/** A gateway of this process, and the lines of its log. */
async function logging (log: string, url: string): Promise<{ readonly lines: Line[], readonly address: string, readonly stop: () => Promise<void> }> {
  const lines: Line[] = []
  const running = await gateway(`
    listen: { host: 127.0.0.1, port: 0, bodyLimit: 10 }
    log: ${log}
    pools: { users: { targets: ["${url}"] }, nobody: { targets: ["${REFUSING}"], retries: 0, breaker: false } }
    routes:
      - { prefix: /users, pool: users }
      - { prefix: /nobody, pool: nobody }
      - { prefix: /silent, pool: users, requestLog: false }
  `, { stream: { write (line: string) { lines.push(JSON.parse(line) as Line) } } })
  return { lines, address: running.address, stop: running.stop }
}

const ofRequests = (lines: readonly Line[]): Line[] => lines.filter(({ reqId }) => reqId !== undefined)

t.test('a request has one line, whatever becomes of it, and none has its path or query', async t => {
  const { url } = await named(t, 'a')
  const { lines, address, stop } = await logging('{ level: info }', url)
  const cases: Array<[path: string, status: number, line: object]> = [
    ['/users/secret?token=secret', 200, { level: 30, msg: 'request forwarded', method: 'GET', route: '/users/*', pool: 'users', status: 200, code: 'answered', target: url }],
    ['/nobody/secret', 502, { level: 40, msg: 'request could not be forwarded', method: 'GET', route: '/nobody/*', pool: 'nobody', status: 502, code: 'unsent' }],
    ['/secret', 404, { level: 30, msg: 'request answered', method: 'GET', route: undefined, status: 404 }]
  ]
  for (const [path, status, expected] of cases) {
    lines.length = 0
    t.equal((await fetch(address + path)).status, status, path)
    await until(() => ofRequests(lines).length > 0)
    await new Promise(resolve => { setImmediate(resolve) })
    t.match(ofRequests(lines), [expected], path)
    t.equal(ofRequests(lines).length, 1, path)
    t.notMatch(JSON.stringify(lines), /secret/)
  }
  lines.length = 0
  t.equal((await fetch(`${address}/silent/x`)).status, 200)
  t.equal((await fetch(`${address}/users/last`)).status, 200)
  await until(() => ofRequests(lines).length > 0)
  t.match(ofRequests(lines), [{ route: '/users/*' }], "a route's own requestLog is heeded")
  await stop()
})

t.test('without lines for requests those that fail within the gateway still have one', async t => {
  const { url } = await named(t, 'a')
  const { lines, address, stop } = await logging('{ requests: false }', url)
  for (const path of ['/users/1', '/nothing', '/nobody/1']) await (await fetch(address + path)).arrayBuffer()
  await until(() => ofRequests(lines).length > 0)
  t.match(ofRequests(lines), [{ level: 40, msg: 'request could not be forwarded', route: '/nobody/*', err: { message: /.+/ } }])
  t.equal(ofRequests(lines).length, 1)
  await stop()
})

t.test('pretty lines are for people', async t => {
  const { url } = await named(t, 'a')
  let text = ''
  const running = await gateway(`
    listen: { host: 127.0.0.1, port: 0 }
    log: { pretty: true }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ pool: users }]
  `, { stream: { write (line: string) { text += line } } })
  t.equal((await fetch(running.address)).status, 200)
  await until(() => text.includes('request forwarded'))
  t.match(text, /gateway started/)
  t.notMatch(text, /^\{"level/m)
  await running.stop()
})

t.test('options that wait for a restart are named once, and those that do not take effect', async t => {
  const { url } = await named(t, 'a')
  const document = (listen: string, rest: string): string => `{ "listen": { "host": "127.0.0.1", "port": 0${listen} }, ${rest}
    "pools": { "users": { "targets": ["${url}"] } }, "routes": [{ "pool": "users" }] }`
  const lines: Line[] = []
  const running = await gateway(document('', ''), { stream: { write (line: string) { lines.push(JSON.parse(line) as Line) } } })
  const waiting = (): unknown => lines.splice(0).find(({ msg }) => msg === 'these options take effect with a restart')?.['options']
  await running.reload(document(', "maxHeaderSize": 2048', '"shutdown": { "grace": 5000 }, "log": { "pretty": false },'))
  t.same(waiting(), ['listen.maxHeaderSize', 'log.pretty', 'shutdown'])
  t.equal((await fetch(running.address, { headers: { x: 'x'.repeat(4000) } })).status, 200, 'the former limit holds')
  await running.reload(document(', "maxHeaderSize": 2048, "keepAliveTimeout": 5000', '"shutdown": { "grace": 5000 }, "log": { "pretty": false, "level": "warn" },'))
  t.equal((await fetch(running.address)).headers.get('keep-alive'), 'timeout=5')
  t.same(lines.filter(({ reqId }) => reqId !== undefined).slice(1), [], 'the level has changed')
  await running.stop()
})

t.test('a gateway from code takes objects and texts, says what is wrong with them, and has its pools', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const document = { listen: { host: '127.0.0.1', port: 0 }, log: { level: 'silent' as const }, admin: { port: 0 }, pools: { users: { targets: [a.url] } }, routes: [{ pool: 'users' }] }
  await t.rejects(gateway({ ...document, routes: [{ pool: 'nobody' }] }), {
    name: 'DocumentError', problems: [{ path: 'routes[0].pool', message: "'nobody' is not a pool, must be one of users" }]
  })
  const running = await gateway(document)
  t.match((await (await fetch(running.address)).json()), { name: 'a' })
  t.equal((await fetch(`${String(running.adminAddress)}/live`)).status, 200)
  const pool = running.upstreams['users']
  await t.rejects(running.reload('pools: ['), { name: 'DocumentError', problems: [{ line: 1 }] })
  await running.reload({ ...document, pools: { users: { targets: [b.url] } } })
  t.equal(running.upstreams['users'], pool, 'a pool whose name stays is the same one')
  t.match((await (await fetch(running.address)).json()), { name: 'b' })
  const { address } = running
  await running.stop()
  await running.stop()
  t.equal(running.address, '')
  await t.rejects(fetch(address))
})

t.test('pools come and go, and what is under way on one that goes may finish', async t => {
  const { url } = await named(t, 'a')
  let answer: (() => void) | undefined
  const { createServer } = await import('node:http')
  const slow = createServer((_request, response) => { answer = () => { response.end('late') } }).listen(0, '127.0.0.1')
  t.teardown(() => { slow.close() })
  await until(() => slow.listening)
  const { port } = slow.address() as { port: number }
  const document = (pools: string, routes: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    pools: { users: { targets: ["${url}"] }${pools} }
    routes: [{ prefix: /users, pool: users }${routes}]
  `
  const running = await start(t, document(`, slow: { targets: ["http://127.0.0.1:${port}"] }`, ', { prefix: /slow, pool: slow }'), { args: ['--no-watch'] })
  const under = fetch(`${running.address}/slow`)
  await until(() => answer !== undefined)
  const { replace } = await import('./kit.js')
  await replace(running.file, document('', ''))
  running.child.kill('SIGHUP')
  await running.line(/read anew/)
  t.equal(running.lines.filter(({ msg }) => msg === 'pool left').length, 1)
  t.equal((await fetch(`${running.address}/slow`)).status, 404)
  t.equal((await fetch(`${running.address}/users`)).status, 200)
  answer?.()
  t.equal(await (await under).text(), 'late')
  await replace(running.file, document(`, slow: { targets: ["${url}"] }`, ', { prefix: /slow, pool: slow }'))
  running.child.kill('SIGHUP')
  await running.line(/read anew/)
  t.equal((await fetch(`${running.address}/slow`)).status, 200)
  t.equal(await running.stop(), 0)
})
