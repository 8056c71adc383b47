import t from 'tap'
import fc from 'fast-check'
import { Interim, INTERIM_HEAD_LIMIT, INTERIM_LIMIT } from '../lib/interim.js'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const WORDY = 'HTTP/1.1 100 Continue\r\nX: HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
const BARE = 'HTTP/1.1 100\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'
const PROCESSING = 'HTTP/1.1 102 Processing\r\n\r\n'
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'
/** With a body that looks like what is looked for. */
const FINAL = `HTTP/1.1 200 OK\r\nContent-Length: ${CONTINUE.length}\r\n\r\n${CONTINUE}`

/** What comes out of an `Interim` that gets these pieces, as one text. */
function through (pieces: readonly string[], interim = begun()): string {
  return pieces.map(piece => interim.take(Buffer.from(piece, 'latin1'))?.toString('latin1') ?? '').join('')
}

function begun (): Interim {
  const interim = new Interim()
  interim.begin()
  return interim
}

/** `text` cut at one place, at every place, and after every byte. */
function * splits (text: string): Generator<string[]> {
  for (let at = 0; at <= text.length; at++) yield [text.slice(0, at), text.slice(at)].filter(piece => piece !== '')
  yield [...text]
}

const PASSED: Record<string, readonly [sent: string, passed: string]> = {
  'a final response': [FINAL, FINAL],
  'a 100': [CONTINUE + FINAL, FINAL],
  'a 100 with fields': [WORDY + FINAL, FINAL],
  'a 100 without a reason': [BARE + FINAL, FINAL],
  'two 100s': [CONTINUE + CONTINUE + FINAL, FINAL],
  'a 103': [HINTS + FINAL, HINTS + FINAL],
  'a 100 before a 103': [CONTINUE + HINTS + FINAL, HINTS + FINAL],
  'a 100 after a 103': [HINTS + CONTINUE + FINAL, HINTS + FINAL],
  'a 100 among others': [PROCESSING + CONTINUE + HINTS + CONTINUE + PROCESSING + FINAL, PROCESSING + HINTS + PROCESSING + FINAL],
  'a 101': [SWITCHING + CONTINUE, SWITCHING + CONTINUE],
  'a 100 before a 101': [CONTINUE + SWITCHING + CONTINUE, SWITCHING + CONTINUE],
  'a status of four digits': [`HTTP/1.1 1000 Odd\r\n\r\n${CONTINUE}`, `HTTP/1.1 1000 Odd\r\n\r\n${CONTINUE}`],
  'a status that is not a number': [`HTTP/1.1 1x0 Odd\r\n\r\n${CONTINUE}`, `HTTP/1.1 1x0 Odd\r\n\r\n${CONTINUE}`],
  'another version': [`HTTP/1.0 100 Continue\r\n\r\n${FINAL}`, `HTTP/1.0 100 Continue\r\n\r\n${FINAL}`],
  'an empty line before a 100': [`\r\n${CONTINUE}${FINAL}`, `\r\n${CONTINUE}${FINAL}`],
  'another protocol': ['SSH-2.0-OpenSSH\r\n', 'SSH-2.0-OpenSSH\r\n'],
  'a final response of another version': [`HTTP/1.0 200 OK\r\n\r\n${CONTINUE}`, `HTTP/1.0 200 OK\r\n\r\n${CONTINUE}`],
  'a status that there is not': [`HTTP/1.1 000 Odd\r\n\r\n${CONTINUE}`, `HTTP/1.1 000 Odd\r\n\r\n${CONTINUE}`],
  'what has a 1 where the status begins': [`HTTP/2.0 1${CONTINUE}`, `HTTP/2.0 1${CONTINUE}`],
  'a 103 whose lines end in LF': [`HTTP/1.1 103 Hints\n\n${CONTINUE}`, `HTTP/1.1 103 Hints\n\n${CONTINUE}`]
}

for (const [what, [sent, passed]] of Object.entries(PASSED)) {
  t.test(`${what} comes out as it should, wherever it is cut`, async t => {
    for (const pieces of splits(sent)) {
      if (through(pieces) !== passed) t.equal(through(pieces), passed, JSON.stringify(pieces))
    }
    t.pass(`${sent.length} cuts`)
  })
}

t.test('any sequence in any pieces loses its 100s and nothing else', async () => {
  const head = fc.constantFrom(CONTINUE, WORDY, BARE, HINTS, PROCESSING)
  const heads = fc.array(head, { maxLength: 6 })
  fc.assert(fc.property(heads, fc.array(fc.nat(400), { maxLength: 8 }), (heads, cuts) => {
    const sent = heads.join('') + FINAL
    const at = [0, ...cuts.map(cut => cut % sent.length).sort((a, b) => a - b), sent.length]
    const pieces = at.slice(1).map((end, i) => sent.slice(at[i], end))
    return through(pieces) === heads.filter(head => !head.startsWith('HTTP/1.1 100')).join('') + FINAL
  }), { numRuns: 2000 })
})

for (const head of [
  'HTTP/1.1 100 Continue\n\n', 'HTTP/1.1 100 Continue\r\nA: b\n\n', 'HTTP/1.1 100 Continue\r\nA: b\r\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\rX', 'HTTP/1.1 100 Continue\r\n\n'
]) {
  t.test(`${JSON.stringify(head)}, of which nobody knows where it ends, is an error`, async t => {
    for (const pieces of splits(head + FINAL)) t.throws(() => through(pieces), { message: 'a malformed 100 Continue' })
  })
}

t.test('a head is an error when it is longer than the limit', async t => {
  for (const status of [100, 103]) {
    const [start, end] = [`HTTP/1.1 ${status} X\r\nX: `, '\r\n\r\n']
    const fits = start + 'x'.repeat(INTERIM_HEAD_LIMIT - start.length - end.length) + end
    t.equal(through([fits, FINAL]), status === 100 ? FINAL : fits + FINAL)
    t.throws(() => through([start + 'x'.repeat(INTERIM_HEAD_LIMIT)]), { message: /of more than 16384 bytes/ })
    t.throws(() => through([start, ...'x'.repeat(INTERIM_HEAD_LIMIT)]), { message: /of more than 16384 bytes/ })
  }
})

t.test('more informational responses than the limit are an error, dropped or not', async t => {
  for (const head of [CONTINUE, HINTS]) {
    const interim = begun()
    for (let i = 0; i < INTERIM_LIMIT; i++) interim.take(Buffer.from(head))
    t.equal(interim.passing, false)
    t.throws(() => interim.take(Buffer.from(head)), { message: /more than 1000 informational responses/ })
    t.throws(() => through([head.repeat(10 * INTERIM_LIMIT)]), { message: /more than 1000 informational responses/ })
  }
})

t.test('every request is counted for itself', async t => {
  const interim = new Interim()
  for (let request = 0; request < 10; request++) {
    interim.begin()
    t.equal(through([HINTS.repeat(INTERIM_LIMIT), FINAL], interim), HINTS.repeat(INTERIM_LIMIT) + FINAL)
  }
})

t.test('what comes when nothing was asked is not touched, nor what comes after a final response has begun', async t => {
  const interim = new Interim()
  t.equal(interim.passing, true)
  t.equal(through([CONTINUE], interim), CONTINUE)
  interim.begin()
  t.equal(interim.passing, false)
  t.equal(through([CONTINUE, 'HTTP/1.1 200 OK\r\n'], interim), 'HTTP/1.1 200 OK\r\n')
  t.equal(interim.passing, true)
  t.equal(through([CONTINUE], interim), CONTINUE)
})

t.test('nothing is copied but what a head was cut out of', async t => {
  const interim = begun()
  const final = Buffer.from(FINAL)
  t.equal(interim.take(final), final, 'the very chunk')
  t.equal(interim.take(final), final)
  interim.begin()
  const both = Buffer.from(CONTINUE + FINAL)
  t.equal(interim.take(both)?.buffer, both.buffer)
})

for (const [what, sent] of Object.entries({
  'a final response': FINAL,
  'an empty answer': 'HTTP/1.1 204 No Content\r\n\r\n',
  'a status that there is not': 'HTTP/1.1 000 Odd\r\n\r\n',
  'the first bytes of a final head': 'HTTP/1.1 2',
  'another protocol': 'SSH-2.0-OpenSSH\r\n',
  'an empty line before a 100': `\r\n${CONTINUE}`
})) {
  t.test(`${what} is the very chunk, and so is all that comes after it`, async t => {
    for (const before of ['', HINTS, CONTINUE, HINTS + CONTINUE]) {
      const interim = begun()
      t.equal(through([before], interim), before.replace(CONTINUE, ''))
      t.equal(interim.passing, false)
      const chunk = Buffer.from(sent, 'latin1')
      t.equal(interim.take(chunk), chunk, `after ${JSON.stringify(before)}`)
      t.equal(interim.passing, true)
      t.equal(interim.silent, false)
      const next = Buffer.from(CONTINUE)
      t.equal(interim.take(next), next)
    }
  })
}

t.test('a beginning that may still be of either kind is held back until it is told, and then comes out whole', async t => {
  for (const [sent, passed] of [[FINAL, FINAL], [CONTINUE + FINAL, FINAL], [HINTS + FINAL, HINTS + FINAL]] as const) {
    for (let at = 1; at < 'HTTP/1.1 '.length + 1; at++) {
      const interim = begun()
      t.equal(interim.silent, true)
      t.equal(interim.take(Buffer.from(sent.slice(0, at))), null, JSON.stringify(sent.slice(0, at)))
      t.equal(interim.passing, false)
      t.equal(interim.silent, false)
      t.equal(through([sent.slice(at)], interim), passed)
      t.equal(interim.passing, true)
    }
  }
})

t.test('what is held back of one response does not get into that of the next request', async t => {
  const interim = begun()
  t.equal(through(['HTTP/1.'], interim), '')
  interim.begin()
  t.equal(through([FINAL], interim), FINAL)
})
