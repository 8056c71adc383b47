import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DrainAsked } from '../../lib/health/active.js'
import { ProbeConnection } from '../../lib/health/probe-connection.js'
import { httpProbe } from '../../lib/health/probes/http.js'
import { systemClock } from '../../lib/clock.js'
import type { HealthOptions } from '../../lib/pool-options.js'
import { rawUpstream, until } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'
import { aTarget, deserted, poolOf, type TestPool } from './kit.js'

/** Often, and with time for an answer. */
const QUICK = { path: '/', interval: 5, jitter: 0, timeout: 10_000, fall: 1 } as const

interface Served extends TestPool {
  readonly url: string
  /** The connections that were made, in order. */
  readonly sockets: readonly Socket[]
  /** Of each request, the number of its connection. */
  readonly asked: readonly number[]
  readonly changes: readonly string[]
  readonly deserted: () => Promise<void>
}

/** A pool with one target that is probed, and what the target sees of it. */
async function served (t: Test, listener: RequestListener, health: HealthOptions = {}): Promise<Served> {
  const sockets: Socket[] = []
  const asked: number[] = []
  const changes: string[] = []
  const server = createServer((request, response) => {
    asked.push(sockets.indexOf(request.socket))
    listener(request, response)
  })
  server.on('connection', socket => { sockets.push(socket) })
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made = poolOf(t, {
    targets: [url],
    health: { ...QUICK, ...health },
    observers: [{ healthChanged: (_target, _was, reason) => { changes.push(reason) } }]
  })
  return { ...made, url, sockets, asked, changes, deserted: async () => { await deserted(server) } }
}

const well: RequestListener = (_request, response) => { response.end('well') }

t.test('an http probe keeps its connection for the next, and the end of the probes closes it', async t => {
  const { pool, sockets, asked, deserted } = await served(t, (request, response) => {
    t.equal(request.headers.connection, 'keep-alive')
    response.end('well')
  })
  pool.start()
  await until(() => asked.length >= 10)
  t.equal(sockets.length, 1)
  pool.stop()
  await deserted()
  pool.start()
  await until(() => asked.length >= 15)
  t.equal(sockets.length, 2, 'and there is one again after the next start')
})

t.test('a target that is removed between two probes loses its connection', async t => {
  const { pool, asked, url, deserted } = await served(t, well, { interval: 60_000 })
  pool.start()
  await until(() => asked.length === 1)
  await new Promise(resolve => { setTimeout(resolve, 20) })
  await pool.remove(url)
  await deserted()
})

t.test('the connection is not the one of requests', async t => {
  const seen = new Map<string, Set<Socket>>([['/', new Set()], ['/users', new Set()]])
  const { pool, asked } = await served(t, (request, response) => {
    seen.get(request.url ?? '')?.add(request.socket)
    response.end()
  })
  pool.start()
  for (let i = 0; i < 10; i++) {
    await (await pool.request({ method: 'GET', path: '/users' })).body.dump()
    const probes = asked.length
    await until(() => asked.length > probes)
  }
  const [probes, requests] = [...seen.values()]
  t.equal(probes?.size, 1)
  for (const socket of requests ?? []) t.notOk(probes?.has(socket))
})

/** What a server may do to a connection after its third answer. */
const endings: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  'closed at once': (request, response) => { response.end(() => { request.socket.destroy() }) },
  'closed in good order': (request, response) => { response.end(() => { request.socket.end() }) },
  'reset while it was idle': (request, response) => { response.end(() => { request.socket.resetAndDestroy() }) },
  'asked to close': (_request, response) => { response.writeHead(200, { connection: 'close' }).end() }
}

for (const [how, end] of Object.entries(endings)) {
  t.test(`a connection that was ${how} is no failure`, async t => {
    const { pool, sockets, asked, changes } = await served(t, (request, response) => {
      if (asked.length % 3 === 0) end(request, response)
      else response.end()
    })
    pool.start()
    await until(() => asked.length >= 12)
    t.same(asked.slice(0, 12), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    t.ok(sockets.length <= 5)
    t.same(changes, [])
  })
}

for (const how of ['destroy', 'resetAndDestroy'] as const) {
  t.test(`a connection that turns out to be closed once the probe is on its way is no failure (${how})`, async t => {
    let answered = 0
    const { pool, asked, changes } = await served(t, (request, response) => {
      // The second on each connection is met with an end, as if the two had crossed.
      if (asked.filter(nth => nth === asked.at(-1)).length === 2) {
        request.socket[how]()
      } else {
        answered++
        response.end()
      }
    })
    pool.start()
    await until(() => answered >= 6)
    t.same(asked.slice(0, 6), [0, 0, 1, 1, 2, 2])
    t.same(changes, [])
  })
}

t.test('a probe on a kept connection that is under way ends with the probes, and asks nobody again', async t => {
  const { pool, asked, changes, deserted } = await served(t, (_request, response) => { if (asked.length < 3) response.end() })
  pool.start()
  await until(() => asked.length === 3)
  pool.stop()
  await deserted()
  await new Promise(resolve => { setTimeout(resolve, 50) })
  t.same(asked, [0, 0, 0])
  t.same(changes, [])
})

t.test('once TLS files were read anew, the next probe comes on a new connection that uses them', async t => {
  const directory = t.testdir()
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  const use = (name: 'client' | 'client2'): void => {
    copyFileSync(pemPath(`${name}-key`), keyFile)
    copyFileSync(pemPath(name), certFile)
  }
  use('client')
  let probes = 0
  const { named, handshakes } = await tlsUpstream(t, { ...identity('server'), ca: pem('client-ca'), requestCert: true }, (_request, response) => {
    probes++
    response.end()
  })
  const { pool } = poolOf(t, { targets: [named], health: QUICK, tls: { caFile: pemPath('ca'), certFile, keyFile, reloadInterval: 20 } })
  pool.start()
  await until(() => probes >= 5)
  t.match(handshakes, [{ client: 'client' }])
  t.equal(handshakes.length, 1)
  use('client2')
  await until(() => handshakes.length === 2)
  const before = probes
  await until(() => probes > before + 5)
  t.match(handshakes, [{ client: 'client' }, { client: 'client2' }])
  t.equal(handshakes.length, 2)
})

t.test('a new connection that is closed without an answer is a failure, be it the second one of a probe', async t => {
  const { pool, sockets, asked, changes } = await served(t, (request, response) => {
    if (asked.length === 1) response.end()
    else request.socket.destroy()
  })
  pool.start()
  await until(() => changes.length > 0)
  t.same(changes, ['other side closed'])
  t.same(asked.slice(0, 3), [0, 0, 1], 'it is asked again once, and at once')
  t.ok(sockets.length >= 2)
})

t.test('an answer that breaks off is a failure on a kept connection too', async t => {
  const { pool, asked, changes } = await served(t, (request, response) => {
    if (asked.length === 1) {
      response.end()
    } else {
      response.writeHead(200, { 'content-length': 10 })
      response.write('well')
      setImmediate(() => { request.socket.destroy() })
    }
  })
  pool.start()
  await until(() => changes.length > 0)
  t.same(changes, ['other side closed'])
  t.same(asked.slice(0, 2), [0, 0])
})

t.test('after a failure the next probe comes on a new connection, whatever was wrong', async t => {
  const sick: Record<string, [RequestListener, HealthOptions]> = {
    'a status': [(_request, response) => { response.writeHead(500).end() }, {}],
    'a body': [(_request, response) => { response.end('unwell') }, { body: 'all is' }],
    'a wish to be drained': [(_request, response) => { response.writeHead(503, { 'X-Upstream-Drain': '30' }).end() }, {}],
    'no answer': [() => {}, { timeout: 50 }]
  }
  for (const [what, [listener, health]] of Object.entries(sick)) {
    const { pool, asked, deserted } = await served(t, (request, response) => {
      if (asked.length % 2 === 0) listener(request, response)
      else response.end('all is well')
    }, health)
    pool.start()
    await until(() => asked.length >= 6)
    t.same(asked.slice(0, 6), [0, 0, 1, 1, 2, 2], what)
    pool.stop()
    await deserted()
  }
})

t.test('a peer that has vanished fails within the timeout, and the next probe comes on a new connection', async t => {
  const { pool, asked, changes } = await served(t, (request, response) => {
    response.end()
    // What is sent from now on is neither read nor refused.
    if (asked.length === 3) setImmediate(() => { request.socket.pause() })
  }, { timeout: 150 })
  pool.start()
  await until(() => changes.length > 0)
  t.same(changes, ['no answer within 150 ms'])
  await until(() => asked.length >= 5)
  t.same(asked.slice(0, 5), [0, 0, 0, 1, 1])
})

t.test('an answer that is longer than what is read of it takes its connection along, and is no failure', async t => {
  const { pool, asked, changes } = await served(t, (_request, response) => { response.end(Buffer.alloc(1024 * 1024)) })
  pool.start()
  await until(() => asked.length >= 4)
  t.same(asked.slice(0, 4), [0, 1, 2, 3])
  t.same(changes, [])
})

t.test('an informational answer is not taken for the final one on a kept connection', async t => {
  let asked = 0
  let accepted = 0
  const url = await rawUpstream(t, socket => {
    accepted++
    socket.on('data', () => {
      asked++
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const { pool, member } = poolOf(t, { targets: [url], health: { ...QUICK } })
  pool.start()
  await until(() => asked >= 5)
  t.equal(accepted, 1)
  t.equal(member(url).health, 'up')
})

t.test('nothing is left to the probe of a connection that was ended', async t => {
  const { url } = await served(t, well)
  const connection = new ProbeConnection(url, true, systemClock, {})
  const probe = httpProbe({ path: '/', method: 'GET', headers: {}, status: [200], body: undefined, drainHeader: undefined })
  await probe(aTarget(systemClock, url), connection, new AbortController().signal)
  connection.end(new Error('stopped'))
  const failure = await probe(aTarget(systemClock, url), connection, new AbortController().signal).catch((error: Error) => error)
  t.ok(failure instanceof Error && !(failure instanceof DrainAsked))
})

t.test('an idle connection is not what a stopped pool waits for', async t => {
  const { pool, asked, deserted } = await served(t, well, { interval: 60_000 })
  pool.start()
  await until(() => asked.length === 1)
  await new Promise(resolve => { setTimeout(resolve, 20) })
  const started = performance.now()
  await pool.close()
  t.ok(performance.now() - started < 200)
  await deserted()
})

t.test('probes of the tcp kind connect each time', async t => {
  const { pool, sockets } = await served(t, well, { type: 'tcp', path: undefined as never })
  pool.start()
  await until(() => sockets.length >= 4)
  pool.stop()
})
