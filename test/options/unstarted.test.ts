import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import Fastify from 'fastify'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { named } from '../kit/index.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

t.test('a refused registration leaves no timer and no connection, even beside one that was fine', async t => {
  const { url, server, hits } = await named(t, 'a')
  let connections = 0
  server.on('connection', () => { connections++ })
  const good = { targets: [url], health: { path: '/', interval: 1 } }
  for (const bad of [
    { pools: { good, bad: { targets: [url], health: { path: '/', rise: 0 } } } },
    { pools: { good, bad: { targets: [url, url] } } },
    { pools: { good }, routes: [{ pool: 'bad' }] },
    { pools: { good }, routes: [{ pool: 'good' }, { pool: 'good' }] },
    { pools: { good }, routes: [{ pool: 'good', prefix: '/a', rewritePrefix: '/:id' }] }
  ]) {
    const clock = new VirtualClock()
    const app = Fastify()
    await app.register(balancer, { pools: { first: good }, clock } as BalancerOptions)
    app.register(balancer, { ...bad, clock } as unknown as BalancerOptions)
    await t.rejects(async () => { await app.ready() }, { code: 'FST_BALANCER_BAD_OPTION' })
    await clock.advance(1000)
    t.equal(clock.pending, 0)
  }
  t.equal(hits(), 0)
  t.equal(connections, 0)
})

t.test('a process whose registration is refused ends by itself', async t => {
  const { url } = await named(t, 'a')
  const script = `
    import Fastify from 'fastify'
    import balancer from './lib/index.ts'
    const app = Fastify()
    app.register(balancer, { name: 'good', targets: ['${url}'], health: { path: '/', interval: 1 } })
    app.register(balancer, { name: 'bad', targets: ['${url}'], retries: -1 })
    try {
      await app.listen({ port: 0, host: '127.0.0.1' })
    } catch (error) {
      console.log(error.message)
    }
  `
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill() })
  let output = ''
  child.stdout.on('data', chunk => { output += String(chunk) })
  const [code] = await once(child, 'close') as [number]
  t.equal(code, 0)
  t.equal(output, 'retries: -1, must be >= 0\n')
})
