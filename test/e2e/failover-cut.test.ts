import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { gateway, named, rawUpstream, until, type Gateway } from '../kit/index.js'

/** Answers the first request on each connection with `head` and a first piece, and leaves the rest to the test. */
async function starting (t: Test, head: string): Promise<{ url: string, sockets: Socket[] }> {
  const sockets: Socket[] = []
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => {
      sockets.push(socket)
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nfirst\r\n`)
    })
  })
  return { url, sockets }
}

/** Everything a client without any HTTP of its own gets before its connection ends. */
async function received ({ port }: Gateway, request: string, onData: (text: string) => void): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
    onData(text)
  })
  // How the connection ends, by a reset or a FIN, is not the question here.
  socket.on('error', () => {})
  socket.write(request)
  await once(socket, 'close')
  return text
}

const HEADS = { 'of unknown length': 'Transfer-Encoding: chunked', 'too long to be held back': 'Content-Length: 100000' }
const ENDS: Record<string, (socket: Socket) => void> = {
  reset: socket => { socket.resetAndDestroy() },
  closed: socket => { socket.end() }
}

for (const [what, head] of Object.entries(HEADS)) {
  for (const [how, end] of Object.entries(ENDS)) {
    t.test(`a response ${what} that is ${how} in its middle cuts the client off and is not repeated`, async t => {
      const first = await starting(t, head)
      const second = await named(t, 'second')
      const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [first.url, second.url] })

      const text = await received(gate, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', text => {
        if (text.includes('first')) for (const socket of first.sockets) end(socket)
      })

      t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
      t.ok(text.includes('first'), 'what had come was passed on')
      t.notOk(text.endsWith('0\r\n\r\n'), 'the end of the body was not made up')
      t.notOk(text.includes('FST_BALANCER'), 'no error was written into the body')
      t.equal(first.sockets.length, 1)
      t.equal(second.hits(), 0)
      const [target] = gate.app.upstreams['pool']?.targets ?? []
      t.match(target, { inFlight: 0, counters: { attempts: 1, answered: 0, broken: 1, faults: 1 } })
    })
  }
}

t.test('a cut response is logged with its attempts, and the next request is served', async t => {
  const first = await starting(t, HEADS['of unknown length'])
  const second = await named(t, 'second')
  const gate = await gateway(t, { targets: [first.url, second.url], policy: 'first' })
  await received(gate, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', () => { for (const socket of first.sockets) socket.resetAndDestroy() })
  await until(() => gate.log.some(({ msg }) => msg === 'request could not be forwarded'))
  t.match(gate.log.find(({ msg }) => msg === 'request could not be forwarded'), {
    level: 40, err: { code: 'FST_BALANCER_BROKEN' }, attempts: [{ target: first.url, outcome: 'broken', status: 200, error: String }]
  })
  await gate.app.upstreams['default']?.remove(first.url)
  t.equal((await gate.request('/')).statusCode, 200)
})
