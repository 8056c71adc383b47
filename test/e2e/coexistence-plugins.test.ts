import { once } from 'node:events'
import httpProxy from '@fastify/http-proxy'
import replyFrom from '@fastify/reply-from'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { request } from 'undici'
import WebSocket from 'ws'
import balancer from '../../lib/index.js'
import { logged, named, REFUSING, type Echo } from '../kit/index.js'

type Step = (app: FastifyInstance) => unknown

/** An app that takes these steps in this order and listens. */
async function listening (t: Test, ...steps: Step[]): Promise<string> {
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  for (const step of steps) await step(app)
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

async function ask (url: string): Promise<Echo & { status: number }> {
  const response = await request(url)
  return { status: response.statusCode, ...await response.body.json() as Echo }
}

function ours (target: string, prefix = '/api'): Step {
  return async app => { await app.register(balancer, { prefix, targets: [REFUSING, target] }) }
}

t.test('a reply.from of the app itself keeps its own upstream and options', async t => {
  const { url: a } = await named(t, 'a')
  const { url: b } = await named(t, 'b')
  const own: Step = async app => {
    await app.register(replyFrom, { base: b, disableCache: true })
    app.get('/own', async (_request, reply) => await reply.from('/from/own'))
  }
  for (const steps of [[own, ours(a)], [ours(a), own]]) {
    const origin = await listening(t, ...steps)
    t.match(await ask(`${origin}/own`), { status: 200, name: 'b', url: '/from/own' })
    t.match(await ask(`${origin}/api/x`), { status: 200, name: 'a', url: '/x' })
  }
})

t.test('@fastify/http-proxy in the same app goes on as before', async t => {
  const { url: a } = await named(t, 'a')
  const { url: b } = await named(t, 'b')
  const theirs: Step = async app => { await app.register(httpProxy, { prefix: '/theirs', upstream: b }) }
  for (const steps of [[theirs, ours(a)], [ours(a), theirs]]) {
    const origin = await listening(t, ...steps)
    t.match(await ask(`${origin}/theirs/x`), { status: 200, name: 'b', url: '/x' })
    t.match(await ask(`${origin}/api/x`), { status: 200, name: 'a', url: '/x' })
  }
})

t.test('@fastify/websocket keeps its sockets, and forwarded routes beside them work', async t => {
  const { url } = await named(t, 'a')
  const sockets: Step = async app => {
    await app.register(websocket)
    await app.register(async scope => {
      scope.get('/ws', { websocket: true }, socket => { socket.on('message', (message: Buffer) => { socket.send(`echo ${String(message)}`) }) })
    })
  }
  for (const steps of [[sockets, ours(url)], [ours(url), sockets], [sockets, ours(url, '/')]]) {
    const origin = await listening(t, ...steps)
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`)
    await once(socket, 'open')
    socket.send('hello')
    const [message] = await once(socket, 'message') as [Buffer]
    t.equal(String(message), 'echo hello')
    socket.terminate()
    t.match(await ask(`${origin}/api/x`), { status: 200, name: 'a' })

    // Upgrades are not forwarded: whether @fastify/websocket or the upstream turns one down, it ends and hurts nobody.
    const refused = new WebSocket(`${origin.replace('http', 'ws')}/api/ws`)
    refused.on('error', () => {})
    const messages: unknown[] = []
    refused.on('message', message => { messages.push(message) })
    await new Promise(resolve => { refused.on('close', resolve) })
    t.same(messages, [])
    t.match(await ask(`${origin}/api/x`), { status: 200, name: 'a' })
  }
})

t.test('two registrations in one app have routes and pools of their own', async t => {
  const { url: a } = await named(t, 'a')
  const { url: b } = await named(t, 'b')
  const origin = await listening(t, ours(a, '/a'), ours(b, '/b'), async app => {
    await app.register(balancer, { pools: { both: { targets: [a, b], policy: 'first' } }, routes: [{ prefix: '/both', pool: 'both' }] })
    t.same(Object.keys(app.upstreams), ['a', 'b', 'both'])
  })
  t.equal((await ask(`${origin}/a/x`)).name, 'a')
  t.equal((await ask(`${origin}/b/x`)).name, 'b')
  t.equal((await ask(`${origin}/both/x`)).name, 'a')
})

t.test('two apps in one process with the same names never meet', async t => {
  const { url: a } = await named(t, 'a')
  const { url: b } = await named(t, 'b')
  const apps: FastifyInstance[] = []
  const keep: Step = app => { apps.push(app) }
  const [first, second] = [await listening(t, keep, ours(a)), await listening(t, keep, ours(b))]
  for (let i = 0; i < 4; i++) {
    t.equal((await ask(`${first}/api/x`)).name, 'a')
    t.equal((await ask(`${second}/api/x`)).name, 'b')
  }
  t.not(apps[0]?.upstreams, apps[1]?.upstreams)
  apps[0]?.upstreams['api']?.drain(REFUSING)
  t.same(apps.map(app => app.upstreams['api']?.targets[0]?.health), ['draining', 'up'])
  await apps[0]?.close()
  t.equal((await ask(`${second}/api/x`)).name, 'b')
})
