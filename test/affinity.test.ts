import { createHmac } from 'node:crypto'
import t from 'tap'
import { Affinity, cookieAttributes, type AffinitySettings } from '../lib/affinity.js'
import { cookieValue } from '../lib/headers.js'

const A = 'http://10.0.0.1:3000'
const B = 'http://10.0.0.2:3000/base'

function affinity (settings: Partial<AffinitySettings> = {}): Affinity {
  return new Affinity({ cookie: 'target', secrets: ['new', 'old'], attributes: cookieAttributes({}), ...settings })
}

t.test('a value stands for one target, on every gateway that has the secret', async t => {
  const [one, other] = [affinity(), affinity()]
  t.equal(one.idOf(A), other.idOf(A))
  t.equal(other.matches(one.idOf(A), A), true)
  t.equal(one.matches(one.idOf(A), B), false)
  t.not(one.idOf(A), one.idOf(B))
})

t.test('a value is half of an HMAC-SHA256 and fits into a cookie as it is', async t => {
  t.equal(affinity().idOf(A), createHmac('sha256', 'new').update(A).digest().subarray(0, 16).toString('base64url'))
  for (const url of [A, B, 'https://ä.test', '']) t.match(affinity().idOf(url), /^[\w-]{22}$/, url)
})

t.test('the first secret signs and every secret is accepted', async t => {
  const values = ['new', 'old', 'stolen'].map(secret => affinity({ secrets: [secret] }).idOf(A))
  t.equal(affinity().idOf(A), values[0])
  t.same(values.map(value => affinity().matches(value, A)), [true, true, false])
  t.same(values.map(value => affinity({ secrets: ['newer', 'new'] }).matches(value, A)), [true, false, false])
})

t.test('nothing else matches, and nothing throws', async t => {
  const made = affinity()
  const id = made.idOf(A)
  const wide = id.replace(/^./, first => String.fromCharCode(first.charCodeAt(0) + 256))
  // The last character has two bits of the MAC and four that decoding ignores: 0 unless somebody has changed them.
  const last = id.replace(/.$/, character => String.fromCharCode(character.charCodeAt(0) + 1))
  t.same(Buffer.from(last, 'base64url'), Buffer.from(id, 'base64url'))
  for (const [what, value] of Object.entries({
    empty: '',
    short: id.slice(1),
    long: `${id}A`,
    padded: `${id}==`,
    blank: ` ${id}`,
    'line break': `${id}\n`,
    quoted: `"${id}"`,
    'other case': id.replace(/[a-z]/i, letter => letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()),
    'other last bits': last,
    'not ASCII': 'ä'.repeat(22),
    'the same low bytes': wide,
    'half a character': '\ud83d'.repeat(22),
    '5 MB': 'A'.repeat(5 * 2 ** 20),
    url: A
  })) {
    t.equal(made.matches(value, A), false, what)
    t.equal(made.matches(value, B), false, what)
  }
  t.equal(made.matches(id, A), true)
})

t.test('the cookie comes back as it was set, among many others', async t => {
  const made = affinity()
  const pair = made.setCookie(A).split(';', 1)[0]
  const others = Array.from({ length: 10_000 }, (_, i) => `c${i}=${'x'.repeat(20)}`).join('; ')
  const value = cookieValue(`${others}; ${pair}; other=1`, 'target')
  t.equal(value, made.idOf(A))
  t.equal(made.matches(cookieValue(`${others}; target=; ${pair}`, 'target') ?? '', A), false, 'the first one counts')
})

t.test('a cookie says where it goes and how it is kept', async t => {
  const made = affinity()
  t.equal(made.setCookie(A), `target=${made.idOf(A)}; Path=/; HttpOnly; SameSite=Lax`)
  t.equal(affinity({ cookie: '__Host-b', attributes: '' }).setCookie(A), `__Host-b=${made.idOf(A)}`)
})

for (const [options, text] of [
  [{}, '; Path=/; HttpOnly; SameSite=Lax'],
  [{ path: '/api', domain: 'example.test', maxAge: 3600, secure: true, sameSite: 'none' }, '; Path=/api; Domain=example.test; Max-Age=3600; HttpOnly; Secure; SameSite=None'],
  [{ httpOnly: false, sameSite: 'strict' }, '; Path=/; SameSite=Strict'],
  [{ maxAge: 0 }, '; Path=/; Max-Age=0; HttpOnly; SameSite=Lax']
] as const) {
  t.test(`the attributes of ${JSON.stringify(options)}`, async t => { t.equal(cookieAttributes(options), text) })
}

t.test('more targets than are kept are known all the same', async t => {
  const made = affinity({ secrets: ['only'] })
  const first = made.idOf(A)
  const urls = Array.from({ length: 10_050 }, (_, i) => `http://10.1.${i >> 8}.${i & 255}`)
  const ids = new Set(urls.map(url => made.idOf(url)))
  t.equal(ids.size, urls.length)
  t.equal(made.idOf(A), first)
  t.equal(made.matches(first, A), true)
})

t.test('the target that a client belongs to is found in a list, and in no other', async t => {
  const made = affinity()
  const targets = [{ url: A }, { url: B }]
  const value = made.idOf(B)
  t.equal(made.belonging(value)?.find(targets), targets[1])
  t.equal(made.belonging(value)?.find(targets), targets[1], 'again')
  t.equal(made.belonging(value)?.find([{ url: A }]), undefined)
  t.equal(made.belonging(affinity({ secrets: ['old'] }).idOf(A))?.find(targets), targets[0], 'by an older secret')
  t.equal(made.belonging(affinity({ secrets: ['stolen'] }).idOf(A))?.find(targets), undefined)
  for (const wrong of ['', value.slice(1), `${value}A`, `${value}\n`, 'ä'.repeat(22)]) t.equal(made.belonging(wrong), undefined)
  t.equal(made.belonging(value.slice(0, 11) + made.idOf(A).slice(11))?.find(targets), undefined, 'the first half alone')
})
