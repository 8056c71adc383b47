import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session } from 'node:http2'
import t, { type Test } from 'tap'
import type { FastifyServerOptions } from 'fastify'
import { answering, gateway, named, sha256, type Echo, type Gateway } from '../kit/index.js'

async function http2Gateway (t: Test, target: string): Promise<Gateway & { session: ClientHttp2Session }> {
  const served = await gateway(t, { name: 'p', targets: [target], retries: 0 }, { http2: true } as unknown as FastifyServerOptions)
  const session = connect(served.url)
  await once(session, 'connect')
  t.teardown(() => { session.destroy() })
  return { ...served, session }
}

t.test('an HTTP/2 body arrives whole, whether a header announces it or not', async t => {
  const { session } = await http2Gateway(t, (await named(t, 'a')).url)
  for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'text/plain', 'content-length': 300_000 }]) {
    const body = Buffer.alloc(300_000, 'x')
    const stream = session.request({ ':method': 'POST', ':path': '/up', ...headers })
    stream.end(body)
    let answer = ''
    for await (const chunk of stream) answer += String(chunk)
    const echo = JSON.parse(answer) as Echo
    t.match(echo, { method: 'POST', url: '/up', bytes: body.length, sha256: sha256(body) }, JSON.stringify(headers))
    t.match(echo.headers, { 'x-forwarded-proto': 'http', via: '2.0 fastify-balancer' })
  }
  const bare = session.request({ ':method': 'DELETE', ':path': '/none' })
  let answer = ''
  for await (const chunk of bare) answer += String(chunk)
  t.match(JSON.parse(answer), { method: 'DELETE', bytes: 0 })
})

t.test('an answer that breaks off is not ended well on HTTP/2 either', async t => {
  const { session, app } = await http2Gateway(t, await answering(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n', 'reset'))
  const stream = session.request({ ':path': '/' })
  stream.resume()
  stream.on('error', () => {})
  await new Promise(resolve => { stream.on('close', resolve) })
  t.equal(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR)
  t.match(app.upstreams['p']?.targets[0], { inFlight: 0, counters: { broken: 1 } })
})
