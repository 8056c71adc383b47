import t from 'tap'
import { gateway, named, rawUpstream } from '../kit/index.js'

/** Answers every request head on a connection with `answer`. */
function script (answer: (n: number) => string, then: 'keep' | 'end' = 'keep'): Parameters<typeof rawUpstream>[1] {
  let n = 0
  return socket => {
    socket.on('data', () => { socket.write(answer(++n), 'latin1', () => { if (then === 'end') socket.end() }) })
  }
}

function ok (body: string, length = body.length): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`
}

t.test('a second answer that nobody asked for is never given to another request', async t => {
  const target = await rawUpstream(t, script(n => ok(`mine ${n}`) + ok(`forged ${n}`)))
  const { request } = await gateway(t, { targets: [target] })
  for (let i = 0; i < 30; i++) {
    const response = await request('/', { method: i % 2 === 0 ? 'GET' : 'POST', body: i % 2 === 0 ? null : 'x' })
    t.equal(response.statusCode, 200)
    t.match(await response.body.text(), /^mine /)
  }
})

t.test('bytes after the end of an answer do not get into the next one', async t => {
  const target = await rawUpstream(t, script(n => `${ok(`mine ${n}`)}left over`))
  const { app, request } = await gateway(t, { name: 'pool', targets: [target] })
  for (let i = 0; i < 30; i++) {
    const response = await request('/', { method: 'POST', body: 'x' })
    t.equal(response.statusCode, 200)
    t.match(await response.body.text(), /^mine \d+$/)
  }
  t.match(app.upstreams['pool']?.targets[0], { counters: { faults: 0 } })
})

t.test('a target that closes its connections without a word of it loses no request, POST or not', async t => {
  const target = await rawUpstream(t, script(() => ok('once'), 'end'))
  const { app, request } = await gateway(t, { name: 'pool', targets: [target] })
  for (let i = 0; i < 100; i++) {
    const response = await request('/', { method: i % 2 === 0 ? 'GET' : 'POST', body: i % 2 === 0 ? null : 'x' })
    t.equal(response.statusCode, 200)
    t.equal(await response.body.text(), 'once')
  }
  t.match(app.upstreams['pool']?.targets[0], { counters: { answered: 100, faults: 0 } })
})

const UNSOUND: Record<string, string> = {
  'two lengths that differ': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi',
  'a length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
  'a negative length': 'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi',
  'a length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi',
  'headers of 100 KB': `HTTP/1.1 200 OK\r\n${'X-Filler: '.padEnd(1000, 'x').concat('\r\n').repeat(100)}Content-Length: 2\r\n\r\nhi`,
  'a header without a name': 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nhi',
  'a status of two digits': 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nhi',
  'a switch of protocols that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
}

for (const [what, answer] of Object.entries(UNSOUND)) {
  t.test(`an answer with ${what} is a fault of its target, and a GET is answered by another one`, async t => {
    const bad = await rawUpstream(t, script(() => answer))
    const good = await named(t, 'good')
    const { app, request } = await gateway(t, { name: 'pool', policy: 'first', targets: [bad, good.url] })
    t.equal((await request('/')).headers['x-name'], 'good')
    const response = await request('/', { method: 'POST', body: 'x' })
    t.equal(response.statusCode, 502)
    t.match(await response.body.json(), { code: 'FST_BALANCER_FAILED' })
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: 2, failed: 2, faults: 2 } })
  })
}

t.test('chunks that make no sense cut the client off in the middle', async t => {
  const bad = await rawUpstream(t, script(() => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nnot a size\r\n'))
  const { app, request } = await gateway(t, { name: 'pool', targets: [bad] })
  for (let i = 0; i < 3; i++) {
    // The first chunk may have been passed on or not when the second one is read.
    const text = await request('/').then(async ({ statusCode, body }) => statusCode === 200 ? await body.text() : 'refused', () => 'cut').catch(() => 'cut')
    t.match(text, /^(?:refused|cut)$/)
  }
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { broken: 3 } })
})
