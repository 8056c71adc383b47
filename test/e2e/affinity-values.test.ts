import { createHmac } from 'node:crypto'
import t from 'tap'
import { rawClient } from '../kit/raw.js'
import { gateway } from '../kit/index.js'
import { ask } from './holding.js'
import { browser, COOKIE, cookiesIn, SECRET, sticky } from './sticking.js'

function macOf (url: string, secret: string): string {
  return createHmac('sha256', secret).update(url).digest().subarray(0, 16).toString('base64url')
}

t.test('a cookie that stands for nobody is a first visit: the policy picks, and there is a new one', async t => {
  const gate = await sticky(t, 2)
  const url = gate.upstreams[0]?.url ?? ''
  const valid = macOf(url, SECRET)
  for (const value of [
    '', 'garbage', url, Buffer.from(url).toString('base64'), '%00', '"', '{}', valid.slice(1), `${valid}A`, `${valid}=`, valid.toLowerCase(), 'A'.repeat(6000),
    macOf(url, 'another secret than ours'), macOf('http://127.0.0.1:1', SECRET), macOf(`${url}/`, SECRET), createHmac('sha256', SECRET).update(url).digest('hex'), '../../etc/passwd'
  ]) {
    const names = new Set<string | undefined>()
    for (let i = 0; i < 2; i++) {
      const answer = await ask(gate, '/', { headers: { cookie: `${COOKIE}=${value}` } })
      t.equal(answer.status, 200)
      t.equal(cookiesIn(answer).length, 1, `a new one for ${value.slice(0, 50)}`)
      names.add(answer.name)
    }
    t.equal(names.size, 2, 'in turn, to both')
  }
  t.same((await ask(gate, '/', { headers: { cookie: `${COOKIE}=${valid}` } })).name, '0', 'the right one is no secret to whoever has the secret')
})

t.test('cookies that are no text, and many of them, are no harm', async t => {
  const gate = await sticky(t, 2)
  const client = await rawClient(t, gate.port)
  await client.send(`GET / HTTP/1.1\r\nHost: g.test\r\nCookie: ${COOKIE}=\xff\xfe\x80; ;;=;${COOKIE}\r\nCookie: ${COOKIE}\r\n\r\n`)
  t.equal((await client.response())?.status, 200)
})

t.test('the cookie of a target of another pool is one of nobody here', async t => {
  const one = await sticky(t, 1)
  const other = await sticky(t, 1)
  const client = browser(one)
  await client.visit()
  const answer = await ask(other, '/', { headers: { cookie: client.cookie ?? '' } })
  t.same([answer.status, cookiesIn(answer).length], [200, 1])
})

t.test('gateways with the same secret know each other\'s cookies, also of the one before', async t => {
  const old = await sticky(t, 3, {}, { secret: 'the secret of last year' })
  const targets = old.upstreams.map(({ url }) => url)
  const same = await gateway(t, { targets, affinity: { cookie: COOKIE, secret: 'the secret of last year' } })
  const rotated = await gateway(t, { targets, affinity: { cookie: COOKIE, secret: [SECRET, 'the secret of last year'] } })
  const after = await gateway(t, { targets, affinity: { cookie: COOKIE, secret: [SECRET] } })
  for (let i = 0; i < 6; i++) {
    const client = browser(old)
    const { name } = await client.visit()
    for (const gate of [same, rotated]) {
      const there = browser(gate, client.cookie)
      t.equal((await there.visit()).name, name)
      t.equal(there.given, gate === same ? 0 : 1, 'one of an old secret is replaced')
      t.equal((await there.visit()).name, name)
      t.equal(there.given, gate === same ? 0 : 1, 'once')
      if (gate === rotated) t.equal((await browser(after, there.cookie).visit()).name, name, 'and outlives the old secret')
    }
    const late = browser(after, client.cookie)
    await late.visit()
    t.equal(late.given, 1, 'without the old secret it is worth nothing')
  }
})
