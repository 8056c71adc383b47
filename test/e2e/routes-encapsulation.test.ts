import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import balancer from '../../lib/index.js'
import { logged, named, type Echo } from '../kit/index.js'

t.test('app.upstreams holds the pools of every registration and every context', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { pools: { first: { targets: [url] }, second: { targets: [url] } } })
  let nested: FastifyInstance | undefined
  await app.register(async scope => {
    await scope.register(async inner => {
      nested = inner as FastifyInstance
      await nested.register(balancer, { prefix: '/third', targets: [url] })
    }, { prefix: '/deep' })
  })
  await app.register(balancer, { name: 'fourth', prefix: '/fourth', upstream: url })
  const names = ['first', 'second', 'third', 'fourth']
  t.same(Object.keys(app.upstreams), names)
  t.equal(nested?.upstreams, app.upstreams)
  t.equal(app.upstreams['constructor'], undefined)
  for (const name of names) t.equal(app.upstreams[name]?.name, name)
  t.equal((await app.inject('/deep/third/x')).json<Echo>().url, '/x')
})

t.test('a plugin whose first registration is in a nested context still decorates the whole app', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => { await (scope as FastifyInstance).register(balancer, { prefix: '/a', targets: [url] }) }, { prefix: '/v1' })
  app.get('/outside', async request => ({ names: Object.keys(app.upstreams), attempts: request.attempts }))
  t.same((await app.inject('/outside')).json(), { names: ['a'], attempts: [] })
})

t.test('a handler anywhere in the app may ask any pool', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => { await (scope as FastifyInstance).register(balancer, { pools: { hidden: { targets: [`${url}/base`] } } }) })
  await app.register(async scope => {
    scope.get('/sum/:id', async request => {
      const { id } = request.params as { id: string }
      const answers = await Promise.all(['x', 'y'].map(async path => await scope.upstreams['hidden']?.request({ method: 'GET', path: `/${path}/${id}` })))
      return await Promise.all(answers.map(async answer => (await answer?.body.json() as Echo).url))
    })
  })
  t.same((await app.inject('/sum/7')).json(), ['/base/x/7', '/base/y/7'])
})

t.test('a route may lead to a pool that was registered earlier, in whatever context, with its policy and key', async t => {
  const targets = await Promise.all(['a', 'b', 'c', 'd'].map(async name => (await named(t, name)).url))
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => {
    await (scope as FastifyInstance).register(balancer, { pools: { users: { targets, policy: { name: 'hash', key: { header: 'x-user' } } } } })
  })
  await app.register(balancer, { routes: [{ prefix: '/u', pool: 'users' }] })
  await app.register(async scope => {
    await (scope as FastifyInstance).register(balancer, { prefix: '/long', routes: [{ prefix: '/u', pool: 'users', rewritePrefix: '/v2' }] })
  }, { prefix: '/nested' })
  for (const user of ['1', '2', '3', '4', '5']) {
    const headers = { 'x-user': user }
    const direct = (await app.inject({ url: '/u/x', headers })).json<Echo>()
    const nested = (await app.inject({ url: '/nested/long/u/x', headers })).json<Echo>()
    t.equal(nested.name, direct.name)
    t.same([direct.url, nested.url], ['/x', '/v2/x'])
  }
})

t.test('prefixes of parents come before the route\'s, with their params', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => {
    await scope.register(async inner => {
      await (inner as FastifyInstance).register(balancer, { prefix: '/things', targets: [url], rewritePrefix: '/:tenant/:version/things' })
    }, { prefix: '/:version' })
  }, { prefix: '/t/:tenant' })
  t.equal((await app.inject('/t/acme/v1/things/7?x')).json<Echo>().url, '/acme/v1/things/7?x')
  t.equal((await app.inject('/t/acme/v1/things')).json<Echo>().url, '/acme/v1/things')
  t.equal((await app.inject('/t/acme/things')).statusCode, 404)
})

t.test('a pool is closed with the app that holds it, whichever context made it', async t => {
  const { url } = await named(t, 'a')
  const app = Fastify()
  await app.register(balancer, { name: 'one', prefix: '/one', targets: [url] })
  await app.register(async scope => { await scope.register(balancer, { name: 'two', prefix: '/two', targets: [url] }) })
  t.equal((await app.inject('/two/x')).statusCode, 200)
  const pools = Object.values(app.upstreams)
  t.same(pools.map(({ closed }) => closed), [false, false])
  await app.close()
  t.same(pools.map(({ destroyed }) => destroyed), [true, true])
})
