import { once } from 'node:events'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import { gateway } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, opened } from './kit.js'

declare module 'fastify' {
  interface FastifyRequest { visitor?: string }
}

t.test('a hook that refuses is the answer, and the upstream is not asked', async t => {
  const { url, http } = await echoing(t)
  let asked = 0
  http.on('upgrade', () => { asked++ })
  for (const name of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    for (const where of ['app', 'route'] as const) {
      const hook = async (_request: FastifyRequest, reply: { code: (status: number) => { header: (...field: string[]) => { send: (body: object) => unknown } } }): Promise<unknown> => {
        await new Promise(resolve => { setImmediate(resolve) })
        return reply.code(401).header('www-authenticate', 'Bearer').send({ error: name })
      }
      const { port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true, ...(where === 'route' ? { [name]: hook } : undefined) }, {
        before: app => { if (where === 'app') app.addHook(name as 'onRequest', hook as never) }
      })
      const client = await rawClient(t, port)
      await client.send(handshake('/ws'))
      const answer = await client.response()
      t.equal(answer?.status, 401, `${name} of the ${where}`)
      t.equal(answer?.body, `{"error":"${name}"}`)
      t.match(answer?.fields.find(([name]) => name === 'www-authenticate')?.[1], 'Bearer')
      t.equal(await client.ended(), 'end')
    }
  }
  t.equal(asked, 0)
})

t.test('a hook that throws is a 500, one that is answered with a redirect is a redirect', async t => {
  const { url } = await echoing(t)
  const { port } = await gateway(t, {
    prefix: '/ws',
    targets: [url],
    websocket: true,
    preHandler: async (request: FastifyRequest, reply: { redirect: (url: string) => unknown }) => {
      if (request.url === '/ws/throw') throw new Error('mine')
      return request.url === '/ws/away' ? reply.redirect('/login') : undefined
    }
  } as never)
  for (const [path, status] of [['/ws/throw', 500], ['/ws/away', 302]] as const) {
    const client = await rawClient(t, port)
    await client.send(handshake(path))
    t.equal((await client.response())?.status, status)
  }
})

t.test('hooks see params and cookies, add fields to the request, and set fields of the 101', async t => {
  const { url, requests } = await echoing(t)
  const { url: front } = await gateway(t, {
    prefix: '/rooms/:room',
    rewritePrefix: '/v2/:room',
    targets: [url],
    websocket: true,
    onRequest: async (request: FastifyRequest) => { request.visitor = /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '' },
    preHandler: async (request: FastifyRequest, reply: { header: (name: string, value: string | string[]) => unknown }) => {
      request.headers['x-user'] = request.visitor
      request.headers['x-room'] = (request.params as { room: string }).room
      reply.header('set-cookie', ['a=1', 'b=2'])
    }
  } as never)
  const socket = new WebSocket(`${front.replace('http', 'ws')}/rooms/7/live`, { headers: { cookie: 'user=ada' } })
  t.teardown(() => { socket.terminate() })
  const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
  t.same(response.headers['set-cookie'], ['a=1', 'b=2'])
  t.equal(requests[0]?.url, '/v2/7/live')
  t.match(requests[0]?.headers, { 'x-user': 'ada', 'x-room': '7', cookie: 'user=ada' })
  t.equal(await echoed(socket, 'hi'), 'hi')
})

t.test('hooks that other plugins add to routes run as well, whenever they were registered', async t => {
  const { url } = await echoing(t)
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true }, {
    before: app => {
      app.addHook('onRoute', route => {
        route.preHandler = [...[route.preHandler ?? []].flat(), async (request, reply) => {
          if (request.query !== null && 'refuse' in (request.query as object)) return await reply.code(429).send('too many')
        }]
      })
    }
  })
  await opened(t, `${front}/ws`)
  await t.rejects(opened(t, `${front}/ws?refuse`), { message: /429/ })
})

t.test('rewriteHeaders and rewriteRequestHeaders apply; one that throws is a 500, with no connection left behind', async t => {
  const { url, requests, wss } = await echoing(t)
  const { app, url: front } = await gateway(t, {
    prefix: '/ws',
    targets: [url],
    websocket: true,
    replyOptions: {
      rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-added': 'yes' }),
      rewriteHeaders: (headers, request) => {
        if ((request as FastifyRequest).url.endsWith('throw')) throw new Error('mine')
        return { ...headers, 'x-answer': 'yes' }
      }
    }
  })
  const socket = new WebSocket(`${front.replace('http', 'ws')}/ws`)
  t.teardown(() => { socket.terminate() })
  const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
  t.equal(response.headers['x-answer'], 'yes')
  t.equal(requests[0]?.headers['x-added'], 'yes')
  socket.terminate()
  const gone = once(wss, 'connection').then(async ([upstream]) => await once(upstream as WebSocket, 'close'))
  await t.rejects(opened(t, `${front}/ws/throw`), { message: /500/ })
  await gone
  t.match(app.upstreams['ws']?.targets[0], { counters: { faults: 0 } })
})

t.test('request.attempts and one line at the end say what became of it, observers are told once', async t => {
  const { url } = await echoing(t)
  const told: unknown[] = []
  const seen: unknown[] = []
  const { app, url: front, log } = await gateway(t, {
    prefix: '/ws', targets: ['http://127.0.0.1:1', url], policy: 'first', websocket: true, observers: [{ settled: (target, outcome) => { told.push([target.url, outcome.kind]) } }]
  }, { before: app => { app.addHook('onRequest', async request => { seen.push(request) }) } })
  const socket = await opened(t, `${front}/ws`)
  t.match((seen[0] as FastifyRequest).attempts, [{ outcome: 'unsent' }, { target: url, outcome: 'answered', status: 101 }])
  t.equal(await echoed(socket, 'hello'), 'hello')
  t.same(told, [['http://127.0.0.1:1', 'unsent']])
  t.equal(app.upstreams['ws']?.targets[1]?.inFlight, 1)
  const line = async (): Promise<object> => {
    for (;;) {
      const found = log.find(({ msg }) => msg === 'WebSocket closed')
      if (found !== undefined) return found
      await new Promise(resolve => { setImmediate(resolve) })
    }
  }
  socket.close()
  t.match(await line(), { level: 30, pool: 'ws', attempts: [{ outcome: 'unsent' }, { outcome: 'answered', status: 101 }], sent: 7 + 2, received: 11 + 6 })
  t.same(told, [['http://127.0.0.1:1', 'unsent'], [url, 'answered']])
  t.equal(log.filter(({ msg }) => msg === 'WebSocket closed').length, 1)
  t.same(log.filter(({ level }) => level > 30), [])
})
