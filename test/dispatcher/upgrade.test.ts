import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { answering, named, rawUpstream, REFUSING, until } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n'

/** Switches protocols and sends back what it gets, in upper case. */
function shouting (socket: Socket): void {
  socket.once('data', () => {
    socket.write(`${SWITCHING}HELLO`)
    socket.on('data', chunk => { socket.write(String(chunk).toUpperCase()) })
  })
}

t.test('upgrade gives the connection of a target, which is in flight for as long as it is open', async t => {
  let upgrades = 0
  const targets = await Promise.all([1, 2].map(async () => await rawUpstream(t, socket => {
    upgrades++
    shouting(socket)
  })))
  const pool = await pooled(t, { policy: 'first', targets })
  const { headers, socket } = await pool.upgrade({ path: '/', protocol: 'shout' })
  t.equal(headers['upgrade'], 'shout')
  t.equal(String((await once(socket, 'data'))[0]), 'HELLO', 'what came with the head is not lost')
  socket.write('how are you')
  t.equal(String((await once(socket, 'data'))[0]), 'HOW ARE YOU')
  t.match(pool.targets[0], { inFlight: 1, counters: { attempts: 1, answered: 0 } })

  socket.destroy()
  await once(socket, 'close')
  await until(() => pool.targets[0]?.inFlight === 0)
  t.match(pool.targets[0], { counters: { attempts: 1, answered: 1, faults: 0 } })
  // The end of the connection is not a reason to ask somebody else.
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(pool.targets[1]?.counters.attempts, 0)
  t.equal(upgrades, 1)
})

t.test('upgrade moves on from a target that refuses', async t => {
  const pool = await pooled(t, { policy: 'first', targets: [REFUSING, await rawUpstream(t, shouting)] })
  const { socket } = await pool.upgrade({ path: '/', protocol: 'shout' })
  t.equal(String((await once(socket, 'data'))[0]), 'HELLO')
  socket.destroy()
})

t.test('upgrade rejects when the answer is an ordinary one, and blames nobody', async t => {
  const second = await named(t, 'second')
  for (const answer of ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n']) {
    const pool = await pooled(t, { policy: 'first', targets: [await answering(t, answer), second.url] })
    await t.rejects(pool.upgrade({ path: '/', protocol: 'shout' }), { code: 'UND_ERR_SOCKET', message: 'bad upgrade' })
    t.same(leftOvers(pool), [])
  }
  t.equal(second.hits(), 0)
})

t.test('upgrade can be aborted while nothing has come', async t => {
  let asked = 0
  const silent = await rawUpstream(t, socket => { socket.once('data', () => { asked++ }) })
  const second = await named(t, 'second')
  const pool = await pooled(t, { policy: 'first', targets: [silent, second.url] })
  const gone = new AbortController()
  const answer = pool.upgrade({ path: '/', protocol: 'shout', signal: gone.signal })
  await until(() => asked === 1)
  gone.abort()
  await t.rejects(answer)
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { aborted: 1 } })
  t.equal(second.hits(), 0)
})

t.test('a handler that throws when it gets the connection has itself to blame', async t => {
  let closed = 0
  const target = await rawUpstream(t, socket => {
    socket.on('close', () => { closed++ })
    shouting(socket)
  })
  const second = await named(t, 'second')
  const pool = await pooled(t, { policy: 'first', targets: [target, second.url] })
  const error = await new Promise<Error>(resolve => {
    pool.dispatch({ method: 'GET', path: '/', upgrade: 'shout' }, {
      onConnect () {},
      onHeaders: () => true,
      onUpgrade () { throw new Error('mine') },
      onError: resolve
    })
  })
  t.equal(error.message, 'mine')
  await until(() => closed === 1)
  t.same(leftOvers(pool), [])
  t.equal(second.hits(), 0)
})
