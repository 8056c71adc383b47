import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { assertPortFree, sharedListen } from '../../lib/workers/index.js'
import { hasReusePort, REUSE_PORT } from '../../lib/workers/listening.js'
import { listening } from '../kit/listening.js'
import { freePort } from './free-port.js'

t.test('reusePort is known to be there from 22.12 and 23.1 on', async t => {
  for (const version of ['22.12.0', '22.20.1', '23.1.0', '23.11.0', '24.0.0', '26.1.2']) t.ok(hasReusePort(version), version)
  for (const version of ['20.19.0', '20.99.0', '21.9.9', '22.11.0', '23.0.0']) t.notOk(hasReusePort(version), version)
})

t.test('a port of the system\'s choosing is shared the other way', async t => {
  t.same(sharedListen({ port: 0, host: '::1' }), { port: 0, host: '::1' })
  t.same(sharedListen({ path: '/run/gateway.sock' } as object), { path: '/run/gateway.sock' })
})

t.test('two listeners have one port, where that is so', { skip: REUSE_PORT ? false : `not with Node ${process.version}` }, async t => {
  const options = sharedListen({ port: await freePort(), host: '127.0.0.1' })
  t.same(Object.keys(options), ['port', 'host', 'reusePort'])
  const servers = [createServer(), createServer()]
  t.teardown(() => { for (const server of servers) server.close() })
  for (const server of servers) {
    server.listen(options)
    await once(server, 'listening')
  }
  await t.rejects(assertPortFree(options), { code: 'EADDRINUSE' }, 'though anybody else could listen there too')
})

t.test('a port that somebody has is found to be so before there are workers', async t => {
  const port = await listening(t, createServer())
  await t.rejects(assertPortFree({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' })
  await assertPortFree({ port: await freePort(), host: '127.0.0.1' })
})
