import t from 'tap'
import { gateway } from '../kit/index.js'
import { answer, answersEarly, CLOSING, tlsUpstream, type Then } from './kit.js'

const THEN: Record<string, Then> = {
  'closes with most of it unread': (socket, text) => { socket.write(text, 'latin1', () => { socket.destroy() }) },
  'ends its side and reads on': (socket, text) => {
    socket.end(text, 'latin1')
    socket.resume()
  },
  'reads nothing more': (socket, text) => { socket.write(text, 'latin1') }
}

const refused = CLOSING['a 413']
if (refused === undefined) throw new Error('no such answer')

for (const [how, then] of Object.entries(THEN)) {
  t.test(`a 413 over TLS reaches the client when the upstream answers an upload early and ${how}`, async t => {
    await answersEarly(t, refused, then, { tls: true })
  })
}

t.test('an unasked 100 over TLS is left out', async t => {
  const url = await tlsUpstream(t, socket => {
    socket.on('data', () => {
      socket.write('HTTP/1.1 100 Conti')
      socket.write(`nue\r\n\r\n${answer('200 OK', 'hi')}`)
    })
  })
  const { request } = await gateway(t, { targets: [url], tls: { rejectUnauthorized: false } })
  for (let i = 0; i < 3; i++) {
    const response = await request('/', { method: 'POST', body: 'x' })
    t.equal(response.statusCode, 200)
    t.equal(await response.body.text(), 'hi')
  }
})
