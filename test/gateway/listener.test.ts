import { once } from 'node:events'
import { connect } from 'node:net'
import { copyFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { Agent as HttpAgent, get as getPlain, type IncomingMessage } from 'node:http'
import { Agent, request as ask } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { freePort } from '../workers/free-port.js'
import { named, until, upstream } from '../kit/index.js'
import { pem, pemPath } from '../kit/tls/index.js'
import { directory, replace, run, start, type Started } from './kit.js'

const ca = pem('ca')

/** Milliseconds for what takes a look at files, on a machine that is busy. */
const PATIENCE = 30_000

interface Answer { readonly status: number | undefined, readonly text: string, readonly certificate: string | undefined }

/** Asks over TLS, on a connection of its own unless there is an agent. */
async function get (url: string, options: object = {}): Promise<Answer> {
  const asking = ask(url, { ca, agent: false, servername: 'localhost', ...options }).end()
  const [response] = await once(asking, 'response') as [IncomingMessage]
  // A connection that is kept is not the response's any more once that has ended.
  const certificate = (response.socket as TLSSocket).getPeerCertificate().fingerprint256
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string
  return { status: response.statusCode, text, certificate }
}

async function pair (path: string, name: 'server' | 'wrong-name'): Promise<void> {
  await copyFile(pemPath(name), join(path, 'cert.pem'))
  await copyFile(pemPath(`${name}-key`), join(path, 'key.pem'))
}

async function secure (t: Test, url: string, more = '', args: string[] = []): Promise<{ readonly gateway: Started, readonly path: string, readonly document: string }> {
  const path = await directory(t)
  await pair(path, 'server')
  const document = `
    listen: { host: 127.0.0.1, port: 0, tls: { certFile: ${path}/cert.pem, keyFile: ${path}/key.pem${more} } }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  return { gateway: await start(t, document, { args }), path, document }
}

t.test('TLS: another certificate is for new connections, by itself and with a signal, and a broken one for none', async t => {
  const { url } = await named(t, 'a')
  const { gateway, path } = await secure(t, url, '', ['--no-watch'])
  const at = `${gateway.address}/users`
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => { kept.destroy() })
  const first = await get(at, { agent: kept })
  t.equal(first.status, 200)

  // Certificates are looked at whether or not the document is.
  await pair(path, 'wrong-name')
  await gateway.line(/certificate of the listener was read anew/)
  const lenient = { rejectUnauthorized: false }
  const second = await get(at, lenient)
  t.not(second.certificate, first.certificate)
  t.equal((await get(at, { agent: kept })).certificate, first.certificate, 'a connection that is open goes on')

  await replace(join(path, 'cert.pem'), 'nothing of the kind')
  t.match(await gateway.line(/certificate of the listener has changed and can not be used/), { level: 50, reason: /listen\.tls\.certFile: .*must hold certificates in PEM/ })
  t.equal((await get(at, lenient)).certificate, second.certificate)
  gateway.child.kill('SIGHUP')
  t.match(await gateway.line(/configuration was rejected/), { path: 'listen.tls.certFile', line: 2 })

  await pair(path, 'server')
  gateway.child.kill('SIGHUP')
  await gateway.line(/the configuration is as before/)
  t.equal((await get(at)).certificate, first.certificate, 'with a signal it is used at once')
  t.equal((await get(at, { agent: kept })).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('clients need a certificate when they are asked for one, unless that is only a wish', async t => {
  const { url } = await named(t, 'a')
  const mine = { cert: pem('client'), key: pem('client-key') }
  const { gateway, document } = await secure(t, url, `, requestCert: true, caFile: ${pemPath('client-ca')}`, ['--no-watch'])
  const at = `${gateway.address}/users`
  t.equal((await get(at, mine)).status, 200)
  await t.rejects(get(at))
  await t.rejects(get(at, { cert: pem('other'), key: pem('other-key') }))
  await replace(gateway.file, document.replace('requestCert: true', 'requestCert: true, rejectUnauthorized: false'))
  gateway.child.kill('SIGHUP')
  await gateway.line(/read anew/)
  t.equal((await get(at)).status, 200)
  await replace(gateway.file, document)
  gateway.child.kill('SIGHUP')
  await gateway.line(/read anew/)
  await t.rejects(get(at))
  t.equal((await get(at, mine)).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('HTTP/2 is spoken with those who can, and left in good order when the listener moves', async t => {
  const { url } = await named(t, 'a')
  const { gateway, path } = await secure(t, url)
  t.equal(await gateway.stop(), 0)
  const document = (port: number): string => `
    listen: { host: 127.0.0.1, port: ${port}, http2: true, tls: { certFile: ${path}/cert.pem, keyFile: ${path}/key.pem } }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  const both = await start(t, document(0), { args: ['--no-watch'] })
  t.equal((await get(`${both.address}/users`)).status, 200, 'HTTP/1')
  const session = connectHttp2(both.address, { ca, servername: 'localhost' })
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':path': '/users' })
  const [headers] = await once(stream, 'response') as [{ readonly ':status': number }]
  t.equal(headers[':status'], 200)
  stream.resume()
  await once(stream, 'end')
  t.equal((session.socket as TLSSocket | undefined)?.alpnProtocol ?? session.alpnProtocol, 'h2')
  const told = once(session, 'goaway')
  await replace(both.file, document(await freePort()))
  both.child.kill('SIGHUP')
  const { address } = await both.line(/read anew/) as unknown as { address: string }
  await told
  await once(session, 'close')
  t.equal((await get(`${address}/users`)).status, 200)
  t.equal(await both.stop(), 0)
})

t.test('a gateway that moves loses no request', async t => {
  const { url } = await named(t, 'a')
  const ports = [await freePort(), await freePort()]
  const document = (port: number): string => `
    listen: { host: 127.0.0.1, port: ${port} }
    log: { requests: false }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document(ports[0] as number), { args: ['--no-watch'] })
  let port = ports[0] as number
  const running = new AbortController()
  let requests = 0
  const failures: string[] = []
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 10 })
  t.teardown(() => { agent.destroy() })
  const load = Promise.all(Array.from({ length: 10 }, async () => {
    while (!running.signal.aborted) {
      try {
        const asking = getPlain(`http://127.0.0.1:${port}/users`, { agent })
        const [response] = await once(asking, 'response') as [IncomingMessage]
        response.resume()
        await once(response, 'end')
        requests++
        if (response.statusCode !== 200) failures.push(String(response.statusCode))
      } catch (error) {
        failures.push(String(error))
      }
    }
  }))
  for (let i = 1; i <= 6; i++) {
    const seen = requests
    await until(() => requests > seen + 20, PATIENCE)
    const next = ports[i % 2] as number
    await replace(gateway.file, document(next))
    gateway.child.kill('SIGHUP')
    t.match(await gateway.line(/read anew|rejected/), { address: `http://127.0.0.1:${next}` })
    // Clients hear of it later than the gateway; until then there is nobody on the former port. Those under way are what counts.
    port = next
  }
  running.abort()
  await load
  t.same(failures.filter(failure => !/ECONNREFUSED/.test(failure)), [], `of ${requests} requests`)
  t.equal(await gateway.stop(), 0)
})

t.test('admin appears, moves, changes where it is, and goes', async t => {
  const { url } = await named(t, 'a')
  const [one, other] = [await freePort(), await freePort()]
  const document = (admin: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    ${admin}
    pools: { users: { targets: ["${url}", "http://127.0.0.1:1"], health: { path: /, fall: 1, interval: 60000 } } }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document(''), { args: ['--no-watch'] })
  t.equal(gateway.admin, undefined)
  const ready = async (port: number): Promise<number> => (await fetch(`http://127.0.0.1:${port}/ready`)).status
  const reload = async (admin: string): Promise<unknown> => {
    await replace(gateway.file, document(admin))
    gateway.child.kill('SIGHUP')
    return await gateway.line(/read anew|rejected/)
  }
  t.match(await reload(`admin: { port: ${one} }`), { admin: `http://127.0.0.1:${one}` })
  t.equal(await ready(one), 200)
  await until(() => gateway.lines.some(({ msg }) => msg === 'target is down'), PATIENCE)
  t.match(await reload(`admin: { port: ${one}, require: all }`), { admin: `http://127.0.0.1:${one}` })
  t.equal(await ready(one), 503)
  t.match(await reload(`admin: { port: ${other} }`), { admin: `http://127.0.0.1:${other}` })
  t.equal(await ready(other), 200)
  await t.rejects(ready(one))
  const { port } = await upstream(t, () => {})
  t.match(await reload(`admin: { port: ${port} }`), { level: 50, path: 'admin', line: 3, reason: /EADDRINUSE, somebody else listens there, must be free/ })
  t.equal(await ready(other), 200)
  t.match(await reload(''), { msg: /read anew/ })
  await t.rejects(ready(other))
  t.equal(await gateway.stop(), 0)
})

t.test('a request that is late is answered with 408 within a second of its time', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0, headersTimeout: 300 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ pool: users }]
  `)
  const began = performance.now()
  const socket = connect(Number(new URL(gateway.address).port), '127.0.0.1', () => { socket.write('GET / HTTP/1.1\r\nHost: a\r\n') })
  socket.on('error', () => {})
  const [answer] = await once(socket, 'data') as [Buffer]
  t.match(String(answer), /^HTTP\/1\.1 408 /)
  t.ok(performance.now() - began < 10_000, 'and not when Node would look for it by itself')
  socket.destroy()
  t.equal(await gateway.stop(), 0)
})

t.test('who can not listen says so in one line', async t => {
  const { port } = await upstream(t, () => {})
  const path = await directory(t)
  const file = join(path, 'gateway.yaml')
  const rest = 'pools: { a: { targets: ["http://127.0.0.1:1"] } }\nroutes: [{ pool: a }]\nlog: { level: silent }\n'
  for (const [listen, admin, expected] of [
    [`{ host: 127.0.0.1, port: ${port} }`, '{ port: 0 }', `1:1: listen: 127.0.0.1:${port}: EADDRINUSE, somebody else listens there, must be free`],
    ['{ host: 127.0.0.1, port: 0 }', `{ port: ${port} }`, `2:1: admin: 127.0.0.1:${port}: EADDRINUSE, somebody else listens there, must be free`],
    ['{ host: 127.0.0.1, port: 0 }', `{ port: ${port} }\nworkers: 2`, `2:1: admin: 127.0.0.1:${port}: EADDRINUSE, somebody else listens there, must be free`],
    ['{ host: 192.0.2.1, port: 0 }', '{ port: 0 }', '1:1: listen: 192.0.2.1: EADDRNOTAVAIL, host must be an address of this machine']
  ] as const) {
    await replace(file, `listen: ${listen}\nadmin: ${admin}\n${rest}`)
    t.same(await run(['start', file]), { code: 1, stdout: '', stderr: `${file}:${expected}\n` })
  }
})
