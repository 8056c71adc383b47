import t from 'tap'
import { gateway, rawUpstream, until } from '../kit/index.js'
import { answer } from './kit.js'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
const OK = answer('200 OK', 'hi')

const ANSWERS: Record<string, readonly string[]> = {
  'a 100': [CONTINUE + OK],
  'a 100 of its own': [CONTINUE, OK],
  'two 100s': [CONTINUE + CONTINUE, OK],
  'a 100 before a 103': [CONTINUE + HINTS + OK],
  'a 100 after a 103': [HINTS, CONTINUE, OK],
  'a 100 in pieces': ['HTTP/1.', '1 10', '0 Continue\r', '\n\r', `\n${OK}`],
  'a 103 in pieces': ['HTTP/1.', '1 10', '3 Early\r', '\n\r', `\n${OK}`],
  'a final response in pieces': ['HTTP/', '1.1 ', OK.slice(9)]
}

for (const [what, pieces] of Object.entries(ANSWERS)) {
  t.test(`${what} that nobody asked for leaves the answer as it is, on the same connection`, async t => {
    let connections = 0
    const url = await rawUpstream(t, socket => {
      connections++
      socket.setNoDelay(true)
      socket.on('data', () => {
        pieces.forEach((piece, i) => { setTimeout(() => { socket.write(piece) }, 5 * i) })
      })
    })
    const { app, request } = await gateway(t, { name: 'pool', targets: [url] })
    for (let i = 0; i < 6; i++) {
      const response = await request('/', i % 2 === 0 ? {} : { method: 'POST', body: 'x' })
      t.equal(response.statusCode, 200)
      t.equal(await response.body.text(), 'hi')
    }
    t.equal(connections, 1)
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 6, faults: 0 } })
  })
}

t.test('a body that looks like a 100 is not looked into', async t => {
  const body = CONTINUE + OK
  const url = await rawUpstream(t, socket => { socket.on('data', () => { socket.write(CONTINUE + answer('200 OK', body)) }) })
  const { request } = await gateway(t, { targets: [url] })
  for (let i = 0; i < 3; i++) t.equal(await (await request('/')).body.text(), body)
})

for (const [what, head] of [['100', CONTINUE], ['103', HINTS]] as const) {
  t.test(`10,000 times a ${what} fails the attempt, and its connection only`, async t => {
    let flood = true
    const url = await rawUpstream(t, socket => { socket.on('data', () => { socket.write((flood ? head.repeat(10_000) : '') + OK) }) })
    const { app, request } = await gateway(t, { name: 'pool', targets: [url] })
    const before = process.memoryUsage().rss
    for (let i = 0; i < 20; i++) {
      const response = await request('/')
      t.equal(response.statusCode, 502)
      t.match(await response.body.json(), { code: 'FST_BALANCER_FAILED' })
    }
    t.ok(process.memoryUsage().rss - before < 100_000_000)
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { failed: 20 } })
    flood = false
    t.equal(await (await request('/')).body.text(), 'hi')
  })

  t.test(`${what} without end is ended`, async t => {
    let open = 0
    const url = await rawUpstream(t, socket => {
      open++
      const timer = setInterval(() => { socket.write(head.repeat(10)) }, 2)
      socket.on('close', () => {
        open--
        clearInterval(timer)
      })
    })
    const { app, request } = await gateway(t, { name: 'pool', targets: [url], timeouts: { headers: 1000 } })
    const response = await request('/')
    // Those that are left out do not count as a sign of life; the clock decides which limit is first.
    t.ok([502, 504].includes(response.statusCode))
    await response.body.dump()
    await until(() => open === 0)
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { failed: 1 } })
  })
}

t.test('a 100 alone does not put the headers timeout off', async t => {
  const url = await rawUpstream(t, socket => {
    const timer = setInterval(() => { socket.write(CONTINUE) }, 200)
    socket.on('close', () => { clearInterval(timer) })
  })
  const { request } = await gateway(t, { targets: [url], timeouts: { headers: 1000 } })
  const response = await request('/')
  t.equal(response.statusCode, 504)
  t.match(await response.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
})

t.test('a 100 of which nobody can tell where it ends fails the attempt', async t => {
  const url = await rawUpstream(t, socket => { socket.on('data', () => { socket.write(`HTTP/1.1 100 Continue\n\n${OK}`) }) })
  const { request } = await gateway(t, { targets: [url] })
  t.equal((await request('/')).statusCode, 502)
})
