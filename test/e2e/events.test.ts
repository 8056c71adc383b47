import compress from '@fastify/compress'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { gateway, rawUpstream, until, upstream } from '../kit/index.js'

/** A source of events, and the answers that it has begun. */
async function source (t: Test, type = 'text/event-stream'): Promise<{ url: string, answers: ServerResponse[] }> {
  const answers: ServerResponse[] = []
  const { url } = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    answers.push(response)
  })
  return { url, answers }
}

for (const type of ['text/event-stream', 'text/event-stream; charset=utf-8', 'Text/Event-Stream;charset=utf-8']) {
  t.test(`${type}: the first event comes at once, although the app compresses`, async t => {
    const { url, answers } = await source(t, type)
    const { request } = await gateway(t, { targets: [url] }, { before: app => app.register(compress, { threshold: 0 }) })
    const { headers, body } = await request('/', { headers: { 'accept-encoding': 'gzip, br' } })
    t.equal(headers['content-encoding'], undefined)
    t.equal(headers['x-accel-buffering'], 'no')
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      const came = once(body, 'data')
      answers[0]?.write(event)
      t.equal(String((await came)[0]), event)
    }
    body.destroy()
    await until(() => answers[0]?.destroyed === true)
  })

  t.test(`${type}: events may be further apart than the idle timeout`, async t => {
    const { url, answers } = await source(t, type)
    const { request } = await gateway(t, { targets: [url], timeouts: { idle: 50 } })
    const { body } = await request('/')
    await new Promise(resolve => { setTimeout(resolve, 300) })
    const came = once(body, 'data')
    answers[0]?.write('data: late\n\n')
    t.equal(String((await came)[0]), 'data: late\n\n')
    body.destroy()
  })
}

t.test('any other stream that stops for longer than the idle timeout is cut', async t => {
  const { url, answers } = await source(t, 'text/event-streams')
  const { app, request } = await gateway(t, { targets: [url], timeouts: { idle: 50 } })
  const { body } = await request('/')
  answers[0]?.write('a')
  const started = performance.now()
  await t.rejects(body.text())
  t.ok(performance.now() - started >= 49)
  await until(() => answers[0]?.destroyed === true)
  t.match(app.upstreams['default']?.targets[0], { inFlight: 0, counters: { broken: 1 } })
})

t.test('a small answer that stops can still move on', async t => {
  const stalling = await rawUpstream(t, socket => { socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal') }) })
  const { request, app } = await gateway(t, { policy: 'first', targets: [stalling, (await upstream(t, (_request, response) => { response.end('whole') })).url], timeouts: { idle: 50 } })
  const { statusCode, body } = await request('/')
  t.equal(statusCode, 200)
  t.equal(await body.text(), 'whole')
  t.match(app.upstreams['default']?.targets[0]?.counters, { failed: 1 })
})

t.test('a reader that stops is not taken for an upstream that does', async t => {
  const { url } = await upstream(t, (_request, response) => { response.end(Buffer.alloc(20_000_000)) })
  // Long enough for a busy machine to go on in time.
  const { request } = await gateway(t, { targets: [url], timeouts: { idle: 1000 } })
  const { body } = await request('/')
  await new Promise(resolve => { setTimeout(resolve, 2500) })
  let bytes = 0
  for await (const chunk of body) bytes += (chunk as Buffer).length
  t.equal(bytes, 20_000_000)
})

t.test('the timeout of a route takes the place of the pool\'s', async t => {
  const { url, answers } = await source(t, 'text/plain')
  const { request } = await gateway(t, { targets: [url], replyOptions: { timeout: 50 } })
  const { body } = await request('/')
  answers[0]?.write('a')
  await t.rejects(body.text())
})

t.test('events over HTTP/2, the first one at once', async t => {
  const { url, answers } = await source(t)
  const { port } = await gateway(t, { targets: [url] }, { http2: true, before: (app: FastifyInstance) => app.register(compress, { threshold: 0 }) } as object)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':path': '/', 'accept-encoding': 'gzip' })
  await once(stream, 'response')
  const came = once(stream, 'data')
  answers[0]?.write('data: 1\n\n')
  t.equal(String((await came)[0]), 'data: 1\n\n')
  stream.close()
  await until(() => answers[0]?.destroyed === true)
})
