import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { until } from '../kit/index.js'
import { echoing } from './kit.js'

t.test('a process with open WebSockets ends by itself once its app is closed', async t => {
  const { url } = await echoing(t)
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '--eval', `
    import Fastify from 'fastify'
    import balancer from ${JSON.stringify(new URL('../../lib/index.ts', import.meta.url).href)}
    const app = Fastify()
    await app.register(balancer, { prefix: '/ws', targets: [${JSON.stringify(url)}], websocket: true, timeouts: { grace: 200 } })
    console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
    process.once('SIGTERM', () => { app.close().then(() => { console.log('closed') }) })
  `], { cwd: new URL('../../', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  child.stdout.on('data', chunk => { output += String(chunk) })
  await until(() => output.includes('\n'), 20_000)
  const sockets = await Promise.all(Array.from({ length: 5 }, async () => {
    const socket = new WebSocket(`${output.trim().replace('http', 'ws')}/ws`)
    await once(socket, 'open')
    return socket
  }))
  const closed = sockets.map(async socket => (await once(socket, 'close'))[0] as number)
  child.kill('SIGTERM')
  t.same(await Promise.all(closed), [1001, 1001, 1001, 1001, 1001])
  t.same(await once(child, 'close'), [0, null])
  t.match(output, 'closed')
})
