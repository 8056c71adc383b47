import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { WebSocket } from 'ws'
import { gateway, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoing, handshake } from '../upgrade/kit.js'
import { poolIn } from './holding.js'
import { COOKIE, SECRET } from './sticking.js'

t.test('a WebSocket is given the cookie in its 101, and goes where it says', async t => {
  const targets = [await echoing(t), await echoing(t)]
  for (const { wss } of targets) wss.on('headers', headers => { headers.push('Set-Cookie: theirs=1') })
  const gate = await gateway(t, {
    prefix: '/ws',
    targets: targets.map(({ url }) => url),
    websocket: true,
    affinity: { cookie: COOKIE, secret: SECRET },
    preHandler: async (_request, reply) => { reply.header('set-cookie', 'app=1') }
  })
  const open = async (cookie?: string): Promise<string[]> => {
    const socket = new WebSocket(`${gate.url.replace('http', 'ws')}/ws`, cookie === undefined ? {} : { headers: { cookie } })
    t.teardown(() => { socket.terminate() })
    const [[response]] = await Promise.all([once(socket, 'upgrade') as Promise<[IncomingMessage]>, once(socket, 'open')])
    return response.headers['set-cookie'] ?? []
  }
  const counts = (): number[] => targets.map(({ requests }) => requests.length)
  const first = await open()
  t.match(first, ['app=1', /^route=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/, 'theirs=1'])
  const own = counts().indexOf(1)
  const cookie = first[1]?.split(';', 1)[0]
  for (let i = 0; i < 4; i++) t.same(await open(cookie), ['app=1', 'theirs=1'], 'once')
  t.equal(counts()[own], 5)
  poolIn(gate).drain(targets[own]?.url ?? '')
  const [, next] = await open(cookie)
  t.match(next, /^route=/)
  t.not(next?.split(';', 1)[0], cookie)
  t.same(counts()[1 - own], 1)
})

t.test('so is one that its target refuses', async t => {
  const { url } = await echoing(t, { verifyClient: () => false })
  const gate = await gateway(t, { targets: [url], websocket: true, affinity: { cookie: COOKIE, secret: SECRET } })
  const client = await rawClient(t, gate.port)
  await client.send(handshake('/'))
  t.equal((await client.response())?.status, 401)
  t.match(client.received, /set-cookie: route=[\w-]{22}; /i)
  await until(() => poolIn(gate).load.streams === 0)
})
