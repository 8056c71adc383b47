import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { rawUpstream, until } from '../kit/index.js'
import { connection, Fake, GET, Received, to } from './direct.js'
import { answer } from './kit.js'

t.test('it knows whether its socket has served a request before', async t => {
  let served = 0
  const url = await rawUpstream(t, socket => {
    socket.on('data', () => { socket.write(answer('200 OK', 'hi', ++served % 2 === 0 ? 'Connection: close\r\n' : '')) })
  })
  const { connection: subject, sockets } = connection(t, to(url))
  t.equal(subject.reused, false)
  const reused: Array<boolean | undefined> = []
  for (let i = 0; i < 4; i++) {
    const received = new Received()
    subject.dispatch(GET, received)
    await until(() => received.ended !== undefined)
    reused.push(received.reused)
  }
  t.same(reused, [false, true, false, true])
  t.equal(sockets.length, 2)
})

t.test('an upgraded connection is given away as it was', async t => {
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHTTP/1.1 100 ') })
  })
  const { connection: subject, sockets } = connection(t, to(url))
  const received = new Received()
  subject.dispatch({ ...GET, upgrade: 'x' }, received)
  await until(() => received.upgraded !== undefined)
  const socket = sockets[0] as Socket
  t.equal(received.upgraded, socket)
  t.same(Object.keys(socket).filter(name => ['read', 'destroy', '_write', '_writev'].includes(name)), [])
  const [early] = await once(socket, 'data') as [Buffer]
  t.equal(early.toString(), 'HTTP/1.1 100 ')
  socket.destroy()
})

const ENDS: Record<string, (socket: Fake) => void> = {
  'sends a response': socket => { socket.push(answer('200 OK', 'forged')) },
  'sends a 100': socket => { socket.push('HTTP/1.1 100 Continue\r\n\r\n') },
  'sends junk': socket => { socket.push('junk') },
  'is reset': socket => { socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })) },
  'times out': socket => { socket.destroy(Object.assign(new Error('read ETIMEDOUT'), { code: 'ETIMEDOUT', syscall: 'read' })) },
  ends: socket => { socket.push(null) }
}

for (const [how, end] of Object.entries(ENDS)) {
  t.test(`a request that waits for a connection which ${how} is sent on a new one`, async t => {
    const fakes = [new Fake(), new Fake()]
    const { connection: subject, sockets } = connection(t, () => fakes[sockets.length] as Fake)
    for (const [i, fake] of fakes.entries()) {
      const received = new Received()
      subject.dispatch(GET, received)
      // undici looks at a connection that has served before it writes to it; this comes right then.
      if (i === 1) end(fakes[0] as Fake)
      await until(() => received.reused !== undefined || received.ended !== undefined)
      fake.push(answer('200 OK', `${i}`))
      await until(() => received.ended !== undefined)
      t.equal(received.ended, true)
      t.equal(received.text, `${i}`)
      t.equal(received.reused, false)
    }
    t.ok(fakes[0]?.destroyed)
  })
}
