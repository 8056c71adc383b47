import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'
import { turnEnds } from '../../lib/clock.js'
import type { BalancerOptions } from '../../lib/index.js'
import { logEnd } from '../../lib/request-log.js'
import { compiledLib } from '../kit/compiled.js'
import { gateway, named, REFUSING, until, upstream, type Gateway, type LogLine } from '../kit/index.js'

const OURS = ['request forwarded', 'client closed the connection', 'request could not be forwarded']

/** A gateway, and its lines of this plugin's own about requests. */
async function logging (t: Test, options: BalancerOptions, fastifyOptions: FastifyServerOptions = {}): Promise<Gateway & { readonly lines: () => LogLine[] }> {
  const gate = await gateway(t, options, fastifyOptions)
  return { ...gate, lines: () => gate.log.filter(({ msg }) => OURS.includes(msg)) }
}

t.test('a request that is answered has one line at info: pool, target, attempts, status, time and a code', async t => {
  const a = await named(t, 'a')
  const { request, lines } = await logging(t, { name: 'users', targets: [a.url] })
  await (await request('/x?token=secret', { headers: { authorization: 'Bearer secret', cookie: 'session=secret' } })).body.dump()
  await until(() => lines().length === 1)
  const [line] = lines()
  t.match(line, {
    level: 30,
    msg: 'request forwarded',
    reqId: String,
    pool: 'users',
    target: a.url,
    attempts: [{ target: a.url, outcome: 'answered', status: 200, ms: Number }],
    status: 200,
    code: 'answered',
    ms: Number
  })
  t.notMatch(JSON.stringify(line), /secret/)
  t.same(Object.keys(line?.['attempts'] as object[] ?? []).length, 1)
})

t.test('failover and an error of a target are answers; the line says which attempt failed, and why', async t => {
  const sick = await upstream(t, (_request, response) => { response.writeHead(500).end() })
  const { request, lines } = await logging(t, { targets: [REFUSING, sick.url], policy: 'first', breaker: false })
  await (await request('/')).body.dump()
  await until(() => lines().length === 1)
  t.match(lines(), [{
    level: 30,
    status: 500,
    code: 'answered',
    attempts: [{ target: REFUSING, outcome: 'unsent', error: /ECONNREFUSED/ }, { target: sick.url, why: 'retry', outcome: 'answered', status: 500 }]
  }])
})

t.test('an error of the gateway\'s own is a warning, and is said once', async t => {
  const { request, lines, log } = await logging(t, { targets: [REFUSING] })
  t.equal((await request('/')).statusCode, 502)
  await until(() => lines().length > 0 && log.some(({ msg }) => msg === 'request completed'))
  t.match(lines(), [{ level: 40, msg: 'request could not be forwarded', status: 502, code: 'unsent', target: undefined, err: { code: 'FST_BALANCER_UNREACHABLE' } }])
})

t.test('what is refused before it is let in has its line too', async t => {
  const { request, lines } = await logging(t, { targets: [REFUSING], deadline: { header: 'x-timeout', minimum: 1000 } })
  t.equal((await request('/', { headers: { 'x-timeout': '10' } })).statusCode, 504)
  await until(() => lines().length === 1)
  t.match(lines(), [{ level: 40, code: 'deadline', status: 504, attempts: [] }])
})

t.test('a client that leaves is no warning', async t => {
  const silent = await upstream(t, () => {})
  const { port, lines } = await logging(t, { targets: [silent.url] })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => silent.hits() === 1)
  socket.destroy()
  await once(socket, 'close')
  await until(() => lines().length === 1)
  t.match(lines(), [{ level: 30, msg: 'client closed the connection', status: 499, code: 'client_gone', attempts: [{ outcome: 'aborted' }] }])
})

t.test('bytes of a peer do not get into a line as they are', async t => {
  const a = await named(t, 'a')
  const evil = { url: a.url }
  const { request, app, lines, log } = await logging(t, {
    targets: [evil.url], health: { interval: 5, fall: 1, probe: async () => { throw new Error('down\r\n{"level":60,"msg":"forged"}\u001b[2J') } }
  })
  await until(() => app.upstreams['default']?.targets[0]?.health === 'down')
  t.equal(app.upstreams['default']?.targets[0]?.reason, 'down\\x0d\\x0a{"level":60,"msg":"forged"}\\x1b[2J')
  t.match(log.find(({ msg }) => msg === 'target is down'), { reason: /^down\\x0d\\x0a/ })
  await (await request('/')).body.dump()
  await until(() => lines().length === 1)
})

t.test('requestLog: false is silent, \'errors\' keeps the warnings, on a route and for all of them', async t => {
  const a = await named(t, 'a')
  const { request, lines, log } = await logging(t, {
    pools: { good: { targets: [a.url] }, bad: { targets: [REFUSING] } },
    requestLog: false,
    routes: [
      { prefix: '/silent', pool: 'good' }, { prefix: '/silent-bad', pool: 'bad' },
      { prefix: '/errors', pool: 'good', requestLog: 'errors' }, { prefix: '/errors-bad', pool: 'bad', requestLog: 'errors' }, { prefix: '/all', pool: 'good', requestLog: true }
    ]
  })
  for (const path of ['/silent', '/silent-bad', '/errors', '/errors-bad', '/all']) await (await request(path)).body.dump()
  await until(() => log.filter(({ msg }) => msg === 'request completed').length === 5)
  t.same(lines().map(({ level, code }) => [level, code]), [[40, 'unsent'], [30, 'answered']])
})

t.test('what the logger hides is not put together', async t => {
  const a = await named(t, 'a')
  for (const [fastifyOptions, expected] of [[{ logger: false }, 0], [{ level: 'warn' }, 0], [{ level: 'info' }, 1]] as Array<[{ logger?: false, level?: string }, number]>) {
    let made = 0
    const log: string[] = []
    const { level } = fastifyOptions
    const { request } = await gateway(t, { targets: [a.url] }, {
      logger: level === undefined ? false : { level, stream: { write: (line: string) => { log.push(line) } } },
      before: app => {
        app.addHook('onRequest', async request => {
          const { log } = request
          const info = log.info.bind(log)
          const counted = Object.assign(Object.create(log) as typeof log, { info: (...args: [object, string]) => { if (args[1] === 'request forwarded') made++; info(...args) } })
          if (level !== undefined) request.log = counted
        })
      }
    })
    t.equal((await request('/')).statusCode, 200)
    await turnEnds()
    t.equal(made, expected, JSON.stringify(fastifyOptions))
    t.equal(log.filter(line => line.includes('request forwarded')).length, expected)
  }
})

/** What a program says that ends by itself. */
async function said (script: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: new URL('../../', import.meta.url) })
  return stdout
}

t.test('a process that ends in the middle of a turn has written its lines, before its logger ends what it writes to', async t => {
  const a = await named(t, 'a')
  t.match(await said(`
    let open = true
    process.on('exit', () => { open = false })
    const stream = { write (line) { if (open) process.stdout.write(line) } }
    const { default: Fastify } = await import('fastify')
    const { default: balancer } = await import(${JSON.stringify(`${compiledLib()}/index.js`)})
    const app = Fastify({ logger: { stream } })
    await app.register(balancer, { prefix: '/', targets: [${JSON.stringify(a.url)}], observers: [{ ended () { process.exit(0) } }] })
    await fetch(await app.listen({ port: 0, host: '127.0.0.1' }))
  `), /"msg":"request forwarded"/)
})

t.test('a logger that ends the process in the middle of the lines has been given all of them', async t => {
  t.equal(await said(`
    const { logEnd } = await import(${JSON.stringify(`${compiledLib()}/request-log.js`)})
    const log = { info ({ status }) {
      console.log(status)
      if (status === 2) process.exit(0)
    } }
    for (const status of [1, 2, 3, 4]) logEnd(log, { status, pool: 'pool', target: undefined, attempts: [], code: 'answered', ms: 1, waited: 0, error: undefined })
  `), '1\n2\n3\n4\n')
})

t.test('timers that a test has replaced for a while do not end the log', async t => {
  const lines: unknown[] = []
  const log = { info: (fields: unknown) => { lines.push(fields) } } as unknown as FastifyBaseLogger
  const end = { pool: 'pool', target: undefined, attempts: [], status: 200, code: 'answered', ms: 1, waited: 0, error: undefined, request: undefined, method: 'GET', path: '/' } as const
  const { setImmediate: real } = globalThis
  globalThis.setImmediate = (() => {}) as unknown as typeof setImmediate
  try {
    logEnd(log, end)
  } finally {
    globalThis.setImmediate = real
  }
  await turnEnds()
  logEnd(log, end)
  await turnEnds()
  t.equal(lines.length, 2)
})

t.test('a logger that throws takes neither the process with it nor the lines of others', async t => {
  const a = await named(t, 'a')
  const written: string[] = []
  const stream = {
    write (line: string) {
      if (line.includes('"pool":"unlucky"')) throw new Error('no space left on device')
      written.push(line)
    }
  }
  const pools = { unlucky: { targets: [a.url] }, lucky: { targets: [a.url] } }
  const { request } = await gateway(t, { pools, routes: [{ prefix: '/unlucky', pool: 'unlucky' }, { prefix: '/lucky', pool: 'lucky' }] }, { logger: { stream } })
  const answers = await Promise.all(['/unlucky', '/lucky', '/unlucky', '/lucky'].map(async path => await request(path)))
  for (const { body } of answers) await body.dump()
  t.strictSame(answers.map(({ statusCode }) => statusCode), [200, 200, 200, 200])
  await until(() => written.filter(line => line.includes('"pool":"lucky"')).length === 2)
})
