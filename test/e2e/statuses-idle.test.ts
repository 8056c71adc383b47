import t from 'tap'
import { answering, gateway, named, until, type Echo } from '../kit/index.js'

t.test('a small answer that stops in the middle is told from one that never began', async t => {
  const stops = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
  const silent = await answering(t, '')
  const { request } = await gateway(t, {
    pools: { stops: { targets: [stops], timeouts: { idle: 1000 } }, silent: { targets: [silent], timeouts: { headers: 1000 } } },
    routes: [{ prefix: '/stops', pool: 'stops' }, { prefix: '/silent', pool: 'silent' }]
  })
  const [stopped, never] = await Promise.all([request('/stops'), request('/silent')])
  t.equal(stopped.statusCode, 504)
  t.match(await stopped.body.json(), { code: 'FST_BALANCER_IDLE_TIMEOUT' })
  t.equal(never.statusCode, 504)
  t.match(await never.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
})

t.test('a status that is none counts against the target and is asked for elsewhere', async t => {
  const odd = await answering(t, 'HTTP/1.1 999 What\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  const good = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const { request, app } = await gateway(t, { name: 'p', targets: [odd, good], policy: 'first' })
  const { statusCode, body } = await request('/')
  t.equal(statusCode, 200)
  await body.dump()
  t.match(app.upstreams['p']?.targets[0]?.counters, { failed: 1, faults: 1, aborted: 0 })
})

t.test('an onResponse or onError that fails later still gives the client an answer', async t => {
  const good = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const fails = async (): Promise<void> => { throw new Error('late') }
  const { request } = await gateway(t, {
    pools: { good: { targets: [good] }, none: { targets: ['http://127.0.0.1:1'] } },
    routes: [{ prefix: '/good', pool: 'good', replyOptions: { onResponse: fails } }, { prefix: '/none', pool: 'none', replyOptions: { onError: fails } }]
  })
  for (const path of ['/good', '/none']) {
    const { statusCode, body } = await request(path)
    t.equal(statusCode, 500, path)
    t.match(await body.json(), { message: 'late' })
  }
})

t.test('first uses the one that is up even when most are down', async t => {
  const { url: good } = await named(t, 'c')
  const asked: string[] = []
  const { request, app } = await gateway(t, {
    name: 'p',
    policy: 'first',
    targets: ['http://127.0.0.1:1', 'http://127.0.0.1:2', good],
    health: { probe: async target => { if (target.url !== good) throw new Error('no') }, initial: 'down' },
    observers: [{ settled: target => { asked.push(target.url) } }]
  })
  await until(() => app.upstreams['p']?.targets[2]?.health === 'up')
  for (let i = 0; i < 3; i++) t.equal((await (await request('/')).body.json() as Echo).name, 'c')
  t.same(asked, [good, good, good])
})
