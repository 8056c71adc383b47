import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { verdict } from '../health/kit.js'
import { gateway } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'

t.test('a pool that accepts any certificate says so once, at boot, and changes nothing but itself', async t => {
  const { named, url } = await tlsUpstream(t, identity('expired'))
  const environment = { ...process.env }
  const { app, log, request } = await gateway(t, {
    pools: {
      lax: { targets: [named, url], tls: { rejectUnauthorized: false }, health: { type: 'tcp', interval: 20 } },
      strict: { targets: [named] }
    },
    routes: [{ pool: 'lax', prefix: '/lax' }, { pool: 'strict', prefix: '/strict' }]
  })
  const warned = (): unknown[] => log.filter(({ level, msg }) => level === 40 && msg.includes('any certificate'))
  t.match(warned(), [{ pool: 'lax', msg: /^pool 'lax' accepts any certificate: .+ tls\.ca / }])
  for (let i = 0; i < 4; i++) {
    const { statusCode, body } = await request('/lax')
    t.equal(statusCode, 200)
    await body.dump()
  }
  app.upstreams['lax']?.stop()
  app.upstreams['lax']?.start()
  t.equal(warned().length, 1)

  const strict = await request('/strict')
  t.equal(strict.statusCode, 502)
  await strict.body.dump()
  t.same(process.env, environment)
  // What others in this process do is verified as before.
  const socket = connect({ port: Number(new URL(named).port), host: '127.0.0.1', servername: 'localhost' })
  const [error] = await once(socket, 'error') as [NodeJS.ErrnoException]
  t.match(error.code, /CERT_HAS_EXPIRED|UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
})

t.test('a pool that verifies has nothing to say', async t => {
  const { named } = await tlsUpstream(t, identity('server'))
  const { log } = await gateway(t, {
    pools: { a: { targets: [named], tls: { ca: pem('ca') } }, b: { targets: [named] }, c: { targets: [named], tls: { rejectUnauthorized: true } } }
  })
  t.same(log.filter(({ level }) => level >= 40), [])
})

t.test('probes of such a pool accept any certificate too', async t => {
  const { named } = await tlsUpstream(t, identity('expired'))
  for (const health of [{ path: '/' }, { type: 'tcp' } as const]) t.equal(await verdict(t, named, health, { tls: { rejectUnauthorized: false } }), 'up')
})

t.test('NODE_TLS_REJECT_UNAUTHORIZED, which is meant for everything, does not reach the upstreams', async t => {
  const { named, hits } = await tlsUpstream(t, identity('server'))
  const gateway = `
    import Fastify from 'fastify'
    import balancer from ${JSON.stringify(new URL('../../lib/index.ts', import.meta.url).href)}
    const app = Fastify()
    await app.register(balancer, { targets: [${JSON.stringify(named)}] })
    console.log((await app.inject('/')).statusCode)
    await app.close()`
  const status = await new Promise((resolve, reject) => {
    execFile(process.execPath, ['--import=tsx', '--input-type=module', '--eval', gateway], {
      cwd: new URL('../../', import.meta.url), env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    }, (error, stdout) => { error === null ? resolve(stdout.trim()) : reject(error) })
  })
  t.equal(status, '502')
  t.equal(hits(), 0)
})
