import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { deserted } from '../health/kit.js'
import { compiledLib } from '../kit/compiled.js'
import { named } from '../kit/index.js'

const LIB = `${compiledLib()}/index.js`
const ROOT = new URL('../../', import.meta.url)

interface Ending {
  /** Exit code; null when it had to be killed. */
  readonly code: number | null
  /** Milliseconds from the line `done` to the end of the process. */
  readonly after: number
  readonly errors: string
}

/** Runs `script` in a process of its own, which has `Fastify` and `balancer`, says `done` and is then left to itself. */
async function ending (t: Test, script: string): Promise<Ending> {
  const source = `
    import Fastify from 'fastify'
    import balancer from ${JSON.stringify(LIB)}
    ${script}
    console.log('done')
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let errors = ''
  child.stderr.on('data', chunk => { errors += String(chunk) })
  let done = performance.now()
  createInterface(child.stdout).on('line', line => {
    if (line !== 'done') return
    done = performance.now()
    // Long after it should have ended by itself.
    setTimeout(() => { child.kill('SIGKILL') }, 10_000).unref()
  })
  const [code] = await once(child, 'close') as [number | null]
  return { code, after: performance.now() - done, errors }
}

/** One that waits for a probe to run out would take a minute. */
function endedByItself (t: Test, { code, after, errors }: Ending): void {
  t.equal(code, 0, errors)
  t.ok(after < 2000, `${after} ms after its last word`)
}

async function blackHole (t: Test): Promise<number> {
  const server = createServer(socket => { socket.on('error', () => {}).resume() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

const HEALTH = '{ path: \'/healthz\', interval: 20, timeout: 60_000 }'

t.test('a process that listens, forwards, probes and closes its app ends by itself', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const targets = JSON.stringify([a.url, b.url])
  endedByItself(t, await ending(t, `
    const app = Fastify()
    await app.register(balancer, { name: 'users', targets: ${targets}, health: ${HEALTH} })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    for (let i = 0; i < 4; i++) {
      const response = await fetch(url)
      if (response.status !== 200) throw new Error(await response.text())
    }
    await (await app.upstreams.users.request({ method: 'GET', path: '/' })).body.dump()
    await app.upstreams.users.remove(${JSON.stringify(b.url)})
    await app.close()
  `))
  await deserted(a.server)
})

t.test('a process whose probes get no answer, or no end of a handshake, ends by itself once its app is closed', async t => {
  const port = await blackHole(t)
  endedByItself(t, await ending(t, `
    const app = Fastify()
    const health = ${HEALTH}
    await app.register(balancer, { pools: {
      silent: { targets: ['http://127.0.0.1:${port}'], health },
      handshake: { targets: ['https://127.0.0.1:${port}'], health },
      tcp: { targets: ['https://127.0.0.1:${port}'], health: { ...health, path: undefined, type: 'tcp' } },
      own: { targets: ['http://127.0.0.1:${port}'], health: { timeout: 60_000, probe: () => new Promise(() => {}) } }
    } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    await new Promise(resolve => setTimeout(resolve, 100))
    await app.close()
  `))
})

t.test('a process that only injects ends by itself, with its app closed or not', async t => {
  const a = await named(t, 'a')
  for (const close of ['await app.close()', '']) {
    endedByItself(t, await ending(t, `
      const app = Fastify()
      await app.register(balancer, { targets: [${JSON.stringify(a.url)}], health: ${HEALTH} })
      await app.ready()
      const response = await app.inject('/')
      if (response.statusCode !== 200) throw new Error(response.body)
      await new Promise(resolve => setTimeout(resolve, 100))
      ${close}
    `))
  }
})

t.test('a process that registers the plugin and never starts its app ends by itself', async t => {
  const a = await named(t, 'a')
  endedByItself(t, await ending(t, `
    const app = Fastify()
    await app.register(balancer, { targets: [${JSON.stringify(a.url)}], health: ${HEALTH} })
  `))
  t.equal(a.hits(), 0)
})
