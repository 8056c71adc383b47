import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { explainText } from '../../lib/index.js'
import openTelemetry from '../../lib/opentelemetry/index.js'
import prometheus from '../../lib/prometheus/index.js'
import { status } from '../../lib/status/index.js'
import { gateway, REFUSING, until, upstream } from '../kit/index.js'
import { sdk } from './kit.js'

const PLANTED = {
  query: 'SECRET-0', authorization: 'SECRET-1', cookie: 'SECRET-2', 'proxy-authorization': 'SECRET-3', 'x-api-key': 'SECRET-4', 'x-forwarded-access-token': 'SECRET-5', referer: 'SECRET-6', body: 'SECRET-7', setCookie: 'SECRET-8', answer: 'SECRET-9'
}

t.test('no line of ours, span, metric, error or page has any of ten secrets, however the request ends', async t => {
  const kit = sdk(t)
  const { query, body, setCookie, answer, ...fields } = PLANTED
  const headers = { ...fields, authorization: `Bearer ${fields.authorization}`, cookie: `session=${fields.cookie}`, referer: `https://x.test/?${fields.referer}` }
  const target = await upstream(t, (request, response) => {
    const url = request.url ?? ''
    if (url.startsWith('/silent')) return
    if (url.startsWith('/reset')) request.socket.destroy()
    else if (url.startsWith('/odd')) request.socket.end(`HTTP/1.1 200 OK\r\nSet-Cookie : ${setCookie}\r\n${answer}\r\n\r\n`)
    else response.writeHead(url.startsWith('/sick') ? 500 : 200, { 'set-cookie': setCookie, 'www-authenticate': answer }).end(answer)
  })
  const explained: string[] = []
  const { app, request, port, log } = await gateway(t, {
    pools: { all: { targets: [target.url], breaker: false, retries: 0, timeouts: { headers: 200 } }, gone: { targets: [REFUSING] } },
    routes: [{ prefix: '/gone', pool: 'gone', explain: true }, { pool: 'all', explain: true }]
  }, {
    before: async app => {
      app.addHook('onResponse', async ({ explanation }) => { if (explanation !== undefined) explained.push(explainText(explanation), JSON.stringify(explanation)) })
      await app.register(openTelemetry)
    },
    after: async app => { await app.register(prometheus).register(status, { prefix: '/operators', interval: 100 }) }
  })
  const ours = (): unknown[] => log.filter(line => line['pool'] !== undefined)
  const errors: string[] = []
  for (const path of ['/well', '/sick', '/reset', '/odd', '/silent', '/gone']) {
    const answer = await request(`${path}?token=${query}`, { method: 'POST', headers, body })
    const text = await answer.body.text()
    if (answer.statusCode > 500) errors.push(JSON.stringify(answer.headers) + text)
  }
  t.equal(errors.length, 4)
  const client = connect(port, '127.0.0.1')
  client.write(`GET /silent?token=${query} HTTP/1.1\r\nHost: x\r\nAuthorization: ${fields.authorization}\r\n\r\n`)
  await until(() => target.hits() === 6)
  client.destroy()
  await until(() => kit.open() === 0 && ours().length >= 7)
  t.same(kit.spans().length, 14)
  t.notMatch(JSON.stringify(ours()), /SECRET/)
  t.notMatch(JSON.stringify(kit.spans().map(({ name, attributes, status, events }) => [name, attributes, status, events])), /SECRET/)
  t.notMatch(JSON.stringify(await kit.metrics()), /SECRET/)
  t.notMatch(errors.join('\n'), /SECRET/)
  t.ok(explained.length >= 12)
  t.notMatch(explained.join('\n'), /SECRET/)

  for (const path of ['/metrics', '/operators/api/state', '/operators/api/transitions', '/operators/api/pools/all', '/operators/api/pools/all/configuration', '/operators/']) {
    const { statusCode, body } = await request(path)
    t.equal(statusCode, 200, path)
    t.notMatch(await body.text(), /SECRET/, path)
  }
  const { body: events } = await request('/operators/api/events')
  events.on('error', () => {})
  const [first] = await once(events, 'data') as [Buffer]
  t.match(String(first), /"gone"/)
  t.notMatch(String(first), /SECRET/)
  events.destroy()
  const supposed = await request('/operators/api/pools/all/explain', { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ method: 'GET', path: `/x?token=${query}` }) })
  t.notMatch(await supposed.body.text(), /SECRET/)
  t.throws(() => app.upstreams['all']?.add(`http://me:${body}@a.test`), { message: /^(?!.*SECRET).*must not have credentials/ })
})
