import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { request } from 'undici'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { logged, upstream, type Upstream } from '../kit/index.js'

const preflight = { origin: 'https://page.test', 'access-control-request-method': 'GET' }

interface Setup { readonly target: Upstream, readonly origin: string }

/** An upstream that answers preflights too, so that it shows who did. */
async function listening (t: Test, steps: Array<(app: FastifyInstance, target: string) => unknown>): Promise<Setup> {
  const target = await upstream(t, (request, response) => {
    response.writeHead(200, { 'x-answered-by': 'upstream', 'content-type': 'text/plain' })
    response.end(`${request.method} ${request.url}`)
  })
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  for (const step of steps) await step(app, target.url)
  return { target, origin: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

async function withCors (app: FastifyInstance): Promise<void> {
  await app.register(cors, { origin: 'https://page.test' })
}

function ours (options: BalancerOptions = {}) {
  return async (app: FastifyInstance, target: string): Promise<void> => {
    await app.register(balancer, { targets: [target], ...options } as BalancerOptions)
  }
}

async function ask (origin: string, path: string, method: 'GET' | 'OPTIONS', headers: Record<string, string> = {}): Promise<{ status: number, by: unknown, allowed: unknown, text: string }> {
  const response = await request(`${origin}${path}`, { method, headers })
  return {
    status: response.statusCode,
    by: response.headers['x-answered-by'],
    allowed: response.headers['access-control-allow-origin'],
    text: await response.body.text()
  }
}

for (const prefix of ['/', '', '/api', '/t/:id']) {
  for (const [order, steps] of Object.entries({ before: [withCors, ours({ prefix })], after: [ours({ prefix }), withCors] })) {
    t.test(`with @fastify/cors ${order} a registration at '${prefix}' cors answers preflights and marks answers`, async t => {
      const { target, origin } = await listening(t, steps)
      const below = prefix === '/' ? '' : prefix.replace(':id', '7')
      for (const path of [below || '/', `${below}/`, `${below}/deep/er?x=1`]) {
        t.same(await ask(origin, path, 'OPTIONS', preflight), { status: 204, by: undefined, allowed: 'https://page.test', text: '' }, path)
      }
      t.equal(target.hits(), 0)
      t.same(await ask(origin, `${below}/x`, 'GET', { origin: 'https://page.test' }), {
        status: 200, by: 'upstream', allowed: 'https://page.test', text: 'GET /x'
      })
    })
  }
}

t.test('without @fastify/cors a registration at the root forwards OPTIONS', async t => {
  const { origin } = await listening(t, [ours()])
  for (const path of ['/', '/x']) {
    t.same(await ask(origin, path, 'OPTIONS', preflight), { status: 200, by: 'upstream', allowed: undefined, text: `OPTIONS ${path}` })
  }
})

t.test('registrations at the root for different hosts forward OPTIONS to their own pool', async t => {
  const other = await upstream(t, (_request, response) => { response.end('other') })
  const { origin } = await listening(t, [
    ours({ name: 'a', constraints: { host: 'a.test' } }),
    async app => { await app.register(balancer, { name: 'b', targets: [other.url], constraints: { host: 'b.test' } }) }
  ])
  t.equal((await ask(origin, '/x', 'OPTIONS', { host: 'a.test' })).text, 'OPTIONS /x')
  t.equal((await ask(origin, '/x', 'OPTIONS', { host: 'b.test' })).text, 'other')
  t.equal((await ask(origin, '/x', 'OPTIONS', { host: 'c.test' })).status, 404)
})

t.test("an app's own OPTIONS route for every path has precedence, in either order", async t => {
  const own = (app: FastifyInstance): void => { app.options('/*', async () => 'own') }
  for (const steps of [[own, ours()], [ours(), own]]) {
    const { origin } = await listening(t, steps)
    t.equal((await ask(origin, '/x', 'OPTIONS')).text, 'own')
    t.equal((await ask(origin, '/x', 'GET')).text, 'GET /x')
  }
})

t.test('httpMethods without OPTIONS leaves OPTIONS alone, and OPTIONS alone leaves the others', async t => {
  const { origin } = await listening(t, [ours({ httpMethods: ['GET'] })])
  t.equal((await ask(origin, '/x', 'OPTIONS')).status, 404)
  t.equal((await ask(origin, '/x', 'GET')).text, 'GET /x')
  const only = await listening(t, [ours({ httpMethods: ['OPTIONS'] })])
  t.equal((await ask(only.origin, '/x', 'OPTIONS')).text, 'OPTIONS /x')
  t.equal((await ask(only.origin, '/x', 'GET')).status, 404)
})
