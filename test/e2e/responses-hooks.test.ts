import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { Transform, type Readable } from 'node:stream'
import t from 'tap'
import { gateway, rawUpstream, until, upstream } from '../kit/index.js'

const MB = 1024 * 1024

/** A reply as `replyOptions.onResponse` gets it. */
interface Replying { header: (name: string, value: string) => Replying, send: (payload: unknown) => void }

t.test('an answer that breaks off while an onSend hook is busy is a 502', async t => {
  let cut: () => void = () => {}
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n') })
    cut = () => { socket.resetAndDestroy() }
  })
  const { app, request } = await gateway(t, {
    name: 'pool',
    targets: [url],
    onSend: async (_request, reply) => {
      // The hook is called again for the error.
      if (reply.statusCode !== 200) return
      cut()
      await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
    }
  })
  for (let i = 0; i < 3; i++) {
    const response = await request('/')
    t.equal(response.statusCode, 502)
    t.match(await response.body.json(), { code: 'FST_BALANCER_BROKEN' })
  }
  t.match(app.upstreams['pool']?.targets[0], { counters: { broken: 3 } })
})

t.test('a client that leaves while an onSend hook is busy with a streamed answer ends the answer', async t => {
  let response: ServerResponse | undefined
  const target = await upstream(t, (_request, outgoing) => {
    response = outgoing
    outgoing.write('first')
  })
  let entered = false
  const gate = await gateway(t, {
    name: 'pool',
    targets: [target.url],
    onSend: async ({ raw }) => {
      entered = true
      await once(raw.socket, 'close')
    }
  })
  const client = connect(gate.port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => entered)
  client.destroy()
  await until(() => response?.closed === true && gate.app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(gate.app.upstreams['pool']?.targets[0], { counters: { aborted: 1, faults: 0 } })
})

t.test('an onSend hook may put something else in the place of a streamed answer', async t => {
  const target = await upstream(t, (_request, response) => { response.end(Buffer.alloc(MB)) })
  const { app, request } = await gateway(t, {
    name: 'pool',
    targets: [target.url],
    onSend: async (_request, reply) => {
      reply.removeHeader('content-length')
      return 'mine'
    }
  })
  for (let i = 0; i < 5; i++) t.equal(await (await request('/')).body.text(), 'mine')
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0], { counters: { attempts: 5, faults: 0 } })
})

t.test('an onSend hook may transform a streamed answer', async t => {
  const target = await upstream(t, (_request, response) => {
    response.write('hello ')
    response.end('world')
  })
  const { request } = await gateway(t, {
    targets: [target.url],
    onSend: async (_request, _reply, payload) => (payload as Readable).pipe(new Transform({
      transform (chunk: Buffer, _encoding, done) { done(null, chunk.toString().toUpperCase()) }
    }))
  })
  for (let i = 0; i < 3; i++) t.equal(await (await request('/')).body.text(), 'HELLO WORLD')
})

for (const kind of ['small', 'streamed']) {
  t.test(`replyOptions.onResponse gets ${kind} answers as a stream and may send something else`, async t => {
    const target = await upstream(t, (_request, response) => {
      if (kind === 'small') response.setHeader('content-length', 4)
      response.write('once')
      response.end()
    })
    const { app, request } = await gateway(t, {
      name: 'pool',
      targets: [target.url],
      replyOptions: {
        onResponse (incoming, reply, response) {
          const { stream } = response as unknown as { stream: Readable }
          if (incoming.url === '/drop') {
            (reply as unknown as Replying).header('content-type', 'text/plain').send('dropped')
            return
          }
          let text = ''
          stream.on('data', chunk => { text += String(chunk) })
          stream.on('end', () => { (reply as unknown as Replying).header('content-length', String(text.length * 2)).send(text + text) })
        }
      }
    })
    t.equal(await (await request('/read')).body.text(), 'onceonce')
    if (kind === 'streamed') t.equal(await (await request('/drop')).body.text(), 'dropped')
    await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
    t.match(app.upstreams['pool']?.targets[0], { counters: { faults: 0 } })
  })
}

t.test('an answer that breaks off while nobody reads its stream brings nothing down', async t => {
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', () => { socket.resetAndDestroy() }) })
  })
  let answer: () => void = () => {}
  const { app, request } = await gateway(t, {
    name: 'pool',
    targets: [url],
    replyOptions: {
      onResponse (_request, reply) { answer = () => { (reply as unknown as Replying).header('content-type', 'text/plain').send('late') } }
    }
  })
  const response = request('/')
  await until(() => app.upstreams['pool']?.targets[0]?.counters.broken === 1)
  answer()
  t.equal(await (await response).body.text(), 'late')
})

t.test('answers come through app.inject as well', async t => {
  const target = await upstream(t, (request, response) => {
    if (request.url === '/streamed') response.write('first ')
    request.pipe(response)
  })
  const { app } = await gateway(t, { name: 'pool', targets: [target.url] })
  t.match(await app.inject({ method: 'POST', url: '/', payload: 'echo' }), { statusCode: 200, body: 'echo' })
  t.match(await app.inject({ method: 'POST', url: '/streamed', payload: 'then this' }), { statusCode: 200, body: 'first then this' })
  t.match(await app.inject({ method: 'HEAD', url: '/' }), { statusCode: 200, body: '' })
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: 3, answered: 3 } })
})
