import t from 'tap'
import { answersEarly, CLOSING, type Then } from './kit.js'

const THEN: Record<string, Then> = {
  'closes with most of it unread': (socket, text) => { socket.write(text, 'latin1', () => { socket.destroy() }) },
  'resets the connection': (socket, text) => { socket.write(text, 'latin1', () => { socket.resetAndDestroy() }) }
}

for (const [what, answer] of Object.entries(CLOSING)) {
  for (const [how, then] of Object.entries(THEN)) {
    for (const chunked of [false, true]) {
      t.test(`${what} reaches the client when the upstream answers an upload ${chunked ? 'in chunks' : 'with a length'} early and ${how}`, async t => {
        await answersEarly(t, answer, then, { chunked })
      })
    }
  }
}
