import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { gateway, named, until, type Echo } from '../kit/index.js'
import { identity, pem, pemPath } from '../kit/tls/index.js'
import { echoed, echoing, handshake, inFlight, opened } from './kit.js'

const TRUSTING = { rejectUnauthorized: false }

async function front (t: Test, targets: string[], http2: boolean) {
  return await gateway(t, { prefix: '/ws', targets, websocket: true }, (http2
    ? { http2: true, https: { ...identity('server'), allowHTTP1: true } }
    : { https: identity('server') }) as never)
}

t.test('over HTTPS, and over an HTTP/2 server that also speaks HTTP/1.1', async t => {
  const { url } = await echoing(t)
  for (const http2 of [false, true]) {
    const { app, url: gate } = await front(t, [url], http2)
    const socket = await opened(t, `${gate.replace('https', 'wss')}/ws`, [], TRUSTING)
    for (const word of ['a', 'b'.repeat(1_000_000)]) t.equal(await echoed(socket, word), word)
    app.upstreams['ws']?.drain(url)
    socket.close(4000)
    t.equal((await once(socket, 'close'))[0], 4000)
    await until(() => inFlight(app) === 0)
    app.upstreams['ws']?.drain(url, false)
    await t.rejects(opened(t, `${gate.replace('https', 'wss')}/nowhere`, [], TRUSTING), { message: /404/ })
  }
})

t.test('an upgrade that is not one is served over TLS, and the connection goes on', async t => {
  const { url } = await named(t, 'a')
  for (const http2 of [false, true]) {
    const { port } = await front(t, [url], http2)
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], ...TRUSTING })
    t.teardown(() => { socket.destroy() })
    let received = ''
    socket.on('data', chunk => { received += String(chunk) })
    for (let i = 1; i <= 3; i++) {
      socket.write(handshake(`/ws/${i}`).replace('websocket', 'h2c').replace(/Sec-.*\r\n/g, ''))
      await until(() => received.endsWith('}'))
      t.match(JSON.parse(received.slice(received.indexOf('{'))) as Echo, { url: `/${i}` }, http2 ? 'HTTP/2' : 'HTTPS')
      received = ''
    }
  }
})

t.test('to a wss: upstream, which is verified', async t => {
  const { url } = await echoing(t, {}, createHttpsServer(identity('server')) as never)
  const target = url.replace('http:', 'https:')
  const { url: gate, app } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true, tls: { ca: readFileSync(pemPath('ca'), 'utf8') } })
  const socket = await opened(t, `${gate}/ws`)
  t.equal(await echoed(socket, 'x'.repeat(300_000)), 'x'.repeat(300_000))
  socket.close()
  await until(() => inFlight(app) === 0)
  const { url: strict } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true, tls: { ca: pem('other-ca') } })
  await t.rejects(opened(t, `${strict}/ws`), { message: /502/ })
})

t.test('1001 over TLS on both sides', async t => {
  const { url, wss } = await echoing(t, {}, createHttpsServer(identity('server')) as never)
  const target = url.replace('http:', 'https:')
  const { app, url: gate } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true, tls: { ca: pem('ca') }, timeouts: { grace: 50 } }, { https: identity('server') } as never)
  const client = await opened(t, `${gate}/ws`, [], TRUSTING)
  const closed = [client, ...wss.clients].map(async end => (await once(end, 'close'))[0] as number)
  await app.upstreams['ws']?.remove(target)
  t.same(await Promise.all(closed), [1001, 1001])
})
