import t from 'tap'
import { gateway, upstream } from '../kit/index.js'
import { ask } from './holding.js'
import { browser, COOKIE, cookiesIn, SECRET, sticky } from './sticking.js'

t.test('every client stays with the target that it got first, and is given its cookie once', async t => {
  for (const policy of ['round-robin', 'random', 'least-requests'] as const) {
    const gate = await sticky(t, 3, { policy })
    const clients = Array.from({ length: 12 }, () => browser(gate))
    const names = await Promise.all(clients.map(async client => (await client.visit()).name))
    for (let i = 0; i < 5; i++) t.same(await Promise.all(clients.map(async client => (await client.visit(`/${i}`)).name)), names)
    t.same(clients.map(({ given }) => given), Array(12).fill(1))
    if (policy === 'round-robin') t.same([...names].sort(), ['0', '0', '0', '0', '1', '1', '1', '1', '2', '2', '2', '2'], 'first requests are balanced')
  }
})

t.test('the cookie is httpOnly, lax and for the session, unless it is to be otherwise', async t => {
  const plain = await sticky(t, 1)
  t.match(cookiesIn(await ask(plain, '/')), [/^route=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/])
  const full = await sticky(t, 1, {}, { cookie: '__Secure-at', path: '/app', domain: 'shop.test', maxAge: 3600, httpOnly: false, secure: true, sameSite: 'none' })
  t.match(cookiesIn(await ask(full, '/'), '__Secure-at'), [/^__Secure-at=[\w-]{22}; Path=\/app; Domain=shop\.test; Max-Age=3600; Secure; SameSite=None$/])
})

t.test('nothing of where the target is can be read from the cookie', async t => {
  const gate = await sticky(t, 2)
  const port = String(gate.upstreams[0]?.port)
  const values = new Set<string>()
  for (let i = 0; i < 4; i++) {
    const [cookie = ''] = cookiesIn(await ask(gate, '/'))
    const value = cookie.slice(COOKIE.length + 1).split(';', 1)[0] ?? ''
    values.add(value)
    for (const text of [value, ...(['base64', 'hex', 'latin1'] as const).map(coding => Buffer.from(value, coding).toString('latin1'))]) {
      t.notOk(text.includes('127.0.0.1') || text.includes(port) || text.includes('http'), text)
    }
  }
  t.equal(values.size, 2, 'one for each target, whoever the client is')
})

t.test('it is set beside cookies of the target and of the app, whatever the status', async t => {
  const target = await upstream(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(1)), { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/'] }).end()
  })
  const gate = await gateway(t, {
    targets: [target.url],
    retries: 0,
    breaker: false,
    internalRewriteCookiePath: true,
    affinity: { cookie: COOKIE, secret: SECRET },
    preHandler: async (_request, reply) => { reply.header('set-cookie', 'app=1') }
  })
  for (const status of [200, 204, 302, 304, 401, 404, 500, 503]) {
    const answer = await ask(gate, `/${status}`)
    t.equal(answer.status, status)
    t.match(answer.headers['set-cookie'], ['app=1', /^route=/, 'a=1; Path=/', 'b=2; Path=/'], String(status))
  }
})

t.test('it is set on answers that are streamed, and on those to HEAD', async t => {
  const target = await upstream(t, (_request, response) => { response.write('x'.repeat(20_000)); response.end() })
  const gate = await gateway(t, { targets: [target.url], affinity: { cookie: COOKIE, secret: SECRET } })
  const streamed = await ask(gate, '/')
  t.equal(streamed.text.length, 20_000)
  t.equal(cookiesIn(streamed).length, 1)
  t.equal(cookiesIn(await ask(gate, '/', { method: 'HEAD' })).length, 1)
})

t.test('without affinity, for an answer of a hook and when nobody has answered there is no cookie', async t => {
  const plain = await sticky(t, 1, { affinity: undefined })
  t.same(cookiesIn(await ask(plain, '/')), [])
  const gate = await sticky(t, 1, { retries: 0, preHandler: async (request, reply) => request.url === '/own' ? await reply.send('own') : undefined })
  t.same(cookiesIn(await ask(gate, '/own')), [])
  await gate.upstreams[0]?.kill()
  const refused = await ask(gate, '/')
  t.same([refused.status, cookiesIn(refused)], [502, []])
})

t.test('the target gets to see the cookies as the client sent them', async t => {
  const gate = await sticky(t, 1)
  const client = browser(gate)
  await client.visit()
  const { text } = await client.visit()
  t.match(JSON.parse(text), { headers: { cookie: `theme=dark; ${client.cookie}; lang=en` } })
})
