import fc from 'fast-check'
import t from 'tap'
import { begins, COMMON, fieldName, isNamed, latin1 } from '../lib/field-names.js'

function bytes (text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function capitalized (name: string): string {
  return name.replace(/(^|-)[a-z]/g, start => start.toUpperCase())
}

/** Every other letter a capital, from the first or the second on. */
function mixed (name: string, from: 0 | 1): string {
  return [...name].map((letter, i) => i % 2 === from ? letter.toUpperCase() : letter).join('')
}

/** No common name has a z. */
const RARE = ['x', 'abcdefghijklmnopqrstuvwxyz', 'x-tenant', 'datf', 'x-request-ie', 'content-sha256', 'digest', 'x_underscored', "!#$%&'*+.^_`|~0-9", 'constructor', '__proto__']
/** As long as common names are at the most, and around where the table ends. */
const LONG = [32, 38, 39, 40, 41, 64, 1000, 16_000].map(length => `x-${'abcdefgh-'.repeat(length).slice(0, length - 2)}`)

t.test('a name is the same in lower case, whatever its capitals, common or not', async t => {
  for (const name of [...COMMON, ...RARE, ...LONG]) {
    for (const spelt of [name, name.toUpperCase(), capitalized(name), mixed(name, 0), mixed(name, 1)]) {
      if (fieldName(bytes(spelt)) !== name || !isNamed(bytes(spelt), name)) t.fail(`${spelt.slice(0, 60)} is ${fieldName(bytes(spelt)).slice(0, 60)}`)
    }
  }
  t.ok(COMMON.includes('content-length'))
  t.equal(new Set(COMMON).size, COMMON.length)
})

t.test('a name that differs from a common one in one place is another', async t => {
  for (const name of COMMON) {
    for (let at = 0; at < name.length; at++) {
      // With another byte, without it, and with one more.
      for (const other of [...'az0-_`@[\x00\x80\xff'].map(byte => name.slice(0, at) + byte + name.slice(at + 1)).concat(name.slice(0, at) + name.slice(at + 1), `${name.slice(0, at)}x${name.slice(at)}`)) {
        if (other === name) continue
        if (fieldName(bytes(other)) !== other || isNamed(bytes(other), name)) t.fail(`${JSON.stringify(other)} is taken for ${name}`)
      }
    }
  }
  t.pass(`${COMMON.length} names`)
})

t.test('no name is empty', async t => {
  t.equal(fieldName(undefined), '')
  t.equal(fieldName(bytes('')), '')
  t.equal(isNamed(undefined, 'etag'), false)
  t.equal(isNamed(bytes(''), 'etag'), false)
})

t.test('bytes that are no ASCII stay apart', async t => {
  const odd = Buffer.from([0x78, 0xe9, 0xff, 0x80])
  t.equal(fieldName(odd), 'x\u00e9\u00ff\u0080')
  t.strictSame(bytes(latin1(odd)), odd)
  t.equal(latin1(undefined), '')
  // As long as `date`, and what is left of it when only some of the bits are looked at.
  t.equal(isNamed(Buffer.from([0xe4, 0xe1, 0xf4, 0xe5]), 'date'), false)
})

// Capitals differ from small letters in one bit. So do these, and they are not the same.
for (const [what, one, other] of [
  ['@ and a backquote', '@', '`'], ['[ and {', '[', '{'], ['\\ and |', '\\', '|'], ['] and }', ']', '}'], ['^ and ~', '^', '~'], ['_ and DEL', '_', '\x7f'],
  ['CR and -', '\r', '-'], ['SI and /', '\x0f', '/'], ['DLE and 0', '\x10', '0'], ['EM and 9', '\x19', '9'], ['NUL and a space', '\x00', ' ']
] as const) {
  t.test(`${what} are told apart`, async t => {
    t.equal(one.charCodeAt(0) | 0x20, other.charCodeAt(0))
    for (const [is, asked] of [[one, other], [other, one]] as const) {
      t.equal(isNamed(bytes(`a${is}b`), `a${asked}b`), false)
      t.equal(begins(bytes(`a${is}b; c`), `a${asked}b`), false)
      t.equal(isNamed(bytes(`A${is}B`), `a${is}b`), true)
      t.equal(begins(bytes(`A${is}B; c`), `a${is}b`), true)
      t.equal(fieldName(bytes(`A${is}B`)), `a${is}b`)
    }
  })
}

t.test('a name with CR in the place of a hyphen is not the common one', async t => {
  for (const name of COMMON.filter(name => name.includes('-'))) {
    t.equal(isNamed(bytes(name.replace('-', '\r')), name), false)
    t.equal(fieldName(bytes(name.replace('-', '\r'))), name.replace('-', '\r'))
  }
})

t.test('a name is all of a name, a beginning need not be all of a text', async t => {
  for (const [text, start, named, begun] of [
    ['text/event-stream', 'text/event-stream', true, true],
    ['Text/Event-Stream; charset=utf-8', 'text/event-stream', false, true],
    ['text/event-strea', 'text/event-stream', false, false],
    [' text/event-stream', 'text/event-stream', false, false],
    ['text/event-streams', 'text/event-stream', false, true],
    ['', 'a', false, false],
    ['', '', true, true],
    ['a', '', false, true]
  ] as const) {
    t.equal(isNamed(bytes(text), start), named, text)
    t.equal(begins(bytes(text), start), begun, text)
  }
})

t.test('any bytes come to what they come to as a text', async t => {
  const any = fc.uint8Array({ maxLength: 50 }).map(array => Buffer.from(array))
  /** Common names with some of their bits changed. */
  const near = fc.tuple(fc.constantFrom(...COMMON), fc.array(fc.tuple(fc.nat(40), fc.constantFrom(0x20, 0x20, 0x20, 0x01, 0x40, 0x80)), { maxLength: 3 })).map(([name, changes]) => {
    const changed = bytes(name)
    for (const [at, bit] of changes) changed[at % changed.length] = (changed[at % changed.length] as number) ^ bit
    return changed
  })
  const small = (text: string): string => text.replace(/[A-Z]/g, letter => letter.toLowerCase())
  t.doesNotThrow(() => {
    fc.assert(fc.property(fc.oneof(any, near), fc.constantFrom(...COMMON), (raw, name) => {
      const text = raw.toString('latin1')
      return fieldName(raw) === text.toLowerCase() && isNamed(raw, name) === (small(text) === name) && begins(raw, name) === small(text).startsWith(name)
    }), { seed: 1, numRuns: 5000 })
  })
})
