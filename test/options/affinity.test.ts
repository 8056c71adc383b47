import t from 'tap'
import Fastify from 'fastify'
import balancer, { type AffinityOptions } from '../../lib/index.js'
import { pool, refusal, refuses, URL_A } from './refusal.js'

const at = 'pools.users.affinity'
const secret = 'hunter2 hunter2 hunter2'

function affinity (options: object): object {
  return pool({ affinity: { cookie: 'route', secret, ...options } })
}

t.test('sticky sessions must have a cookie and a secret', async t => {
  await refuses(t, pool({ affinity: {} }), `${at}.cookie: missing, must be given`)
  await refuses(t, pool({ affinity: { cookie: 'route' } }), `${at}.secret: missing, must be given`)
  await refuses(t, affinity({ samesite: 'lax' }), `${at}.samesite: unknown option, allowed are cookie, secret, path, domain, maxAge, httpOnly, secure, sameSite`)
  for (const value of [true, null, secret, [secret]]) await refuses(t, pool({ affinity: value }), `${at}: must be an object`)
})

t.test('a secret must be long enough, and is never repeated', async t => {
  for (const bad of ['fifteen hunter2', '', [], [secret, 'fifteen hunter2'], 5, null, Buffer.from(secret), [secret, null]]) {
    await refuses(t, affinity({ secret: bad }), `${at}.secret: must be a text of 16 characters or more, or a list of them`)
  }
  for (const options of [{ cookie: '' }, { path: 'x' }, { sameSite: 'none' }, { wrong: 1 }, { secret: { secret } }]) t.notMatch((await refusal(affinity(options))).message, /hunter2/)
})

t.test('a cookie must have a name and attributes that browsers take', async t => {
  for (const [cookie, shown] of [['', "''"], ['a b', "'a b'"], ['a=b', "'a=b'"], ['a;b', "'a;b'"], ['ä', "'ä'"], [5, '5']]) {
    await refuses(t, affinity({ cookie }), `${at}.cookie: ${String(shown)}, must be the name of a cookie`)
  }
  for (const path of ['app', '', '/a;b', '/a b', '/ä']) await refuses(t, affinity({ path }), `${at}.path: '${path}', must be a path that begins with '/'`)
  for (const domain of ['', 'a b', 'a;b', '-a', 'a.']) await refuses(t, affinity({ domain }), `${at}.domain: '${domain}', must be a host name`)
  await refuses(t, affinity({ path: '/a\r\nSet-Cookie: b=1' }), `${at}.path: '/a\\r\\nSet-Cookie: b=1', must be a path that begins with '/'`)
  await refuses(t, affinity({ maxAge: -1 }), `${at}.maxAge: -1, must be >= 0`)
  await refuses(t, affinity({ maxAge: 1.5 }), `${at}.maxAge: 1.5, must be an integer`)
  await refuses(t, affinity({ httpOnly: 'yes' }), `${at}.httpOnly: 'yes', must be true or false`)
  await refuses(t, affinity({ secure: 1 }), `${at}.secure: 1, must be true or false`)
  await refuses(t, affinity({ sameSite: 'Lax' }), `${at}.sameSite: 'Lax', must be one of 'strict', 'lax', 'none'`)
})

t.test('a cookie that browsers would drop without a word is refused', async t => {
  await refuses(t, affinity({ sameSite: 'none' }), `${at}.sameSite: 'none', must have secure: true beside it, or browsers drop the cookie`)
  for (const cookie of ['__Secure-route', '__Host-route', '__host-route']) {
    await refuses(t, affinity({ cookie }), `${at}.cookie: '${cookie}', must have secure: true beside it, or browsers drop the cookie`)
  }
  for (const more of [{ path: '/app' }, { domain: 'shop.test' }]) {
    await refuses(t, affinity({ cookie: '__Host-route', secure: true, ...more }), `${at}.cookie: '__Host-route', must have no domain and no path but / beside it, or browsers drop the cookie`)
  }
  await refuses(t, { targets: [URL_A], affinity: { cookie: 'a', secret, sameSite: 'none' } }, "affinity.sameSite: 'none', must have secure: true beside it, or browsers drop the cookie")
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const fine: AffinityOptions[] = [
    { cookie: 'a', secret: 'sixteen letters!' }, { cookie: 'a.b-c_d', secret: [secret, 'sixteen letters!'] }, { cookie: '__Host-a', secret, secure: true, path: '/' },
    { cookie: '__Secure-a', secret, secure: true, domain: '.shop.test', path: '/app', sameSite: 'none', maxAge: 0, httpOnly: false }, { cookie: 'a', secret, domain: 'localhost' }
  ]
  await app.register(balancer, { pools: Object.fromEntries(fine.map((affinity, i) => [`pool${i}`, { targets: [URL_A], affinity }])) })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
