import t from 'tap'
import { answersEarly, CLOSING, type Then } from './kit.js'

const ends: Then = (socket, text) => {
  socket.end(text, 'latin1')
  socket.resume()
}
const waits: Then = (socket, text) => { socket.write(text, 'latin1') }

for (const [what, answer] of Object.entries(CLOSING)) {
  for (const chunked of [false, true]) {
    const upload = `an upload ${chunked ? 'in chunks' : 'with a length'}`
    t.test(`${what} reaches the client when the upstream answers ${upload} early, ends its side and reads on`, async t => {
      await answersEarly(t, answer, ends, { chunked })
    })

    // One of unknown length would not end.
    if (what.includes('unknown')) continue
    t.test(`${what} reaches the client when the upstream answers ${upload} early and reads nothing more`, async t => {
      await answersEarly(t, answer, waits, { chunked })
    })
  }
}
