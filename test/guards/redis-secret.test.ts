import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { rateLimit } from '../../lib/guards/rate-limit.js'
import { until } from '../kit/index.js'

t.test('a password that Redis does not take is in no line of the log', async t => {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    socket.on('data', () => { socket.write('-WRONGPASS invalid username-password pair or user is disabled.\r\n') })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const lines: string[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(async () => {
    await app.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await app.register(async scope => {
    await rateLimit.apply(scope, { redis: `redis://me:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}` }, { app, pools: {} as never })
    scope.get('/', async () => 'ok')
  })
  await app.ready()
  await until(() => lines.some(line => line.includes('Redis can not be used')))
  const { statusCode } = await app.inject('/')
  t.equal(statusCode, 503)
  await until(() => lines.some(line => line.includes('FST_BALANCER_LIMIT_UNAVAILABLE')))
  t.match(lines.join(''), /WRONGPASS/)
  t.notMatch(lines.join(''), /hunter2/)
})
