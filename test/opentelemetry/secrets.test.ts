import { connect } from 'node:net'
import t from 'tap'
import openTelemetry from '../../lib/opentelemetry/index.js'
import { gateway, REFUSING, until, upstream } from '../kit/index.js'
import { sdk } from './kit.js'

const PLANTED = {
  query: 'SECRET-0', authorization: 'SECRET-1', cookie: 'SECRET-2', 'proxy-authorization': 'SECRET-3', 'x-api-key': 'SECRET-4', 'x-forwarded-access-token': 'SECRET-5', referer: 'SECRET-6', body: 'SECRET-7', setCookie: 'SECRET-8', answer: 'SECRET-9'
}

t.test('no line of ours, span or metric has any of ten secrets, however the request ends', async t => {
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
  const { request, port, log } = await gateway(t, {
    pools: { all: { targets: [target.url], breaker: false, retries: 0, timeouts: { headers: 200 } }, gone: { targets: [REFUSING] } },
    routes: [{ prefix: '/gone', pool: 'gone' }, { pool: 'all' }]
  }, { before: async app => { await app.register(openTelemetry) } })
  const ours = (): unknown[] => log.filter(line => line['pool'] !== undefined)
  for (const path of ['/well', '/sick', '/reset', '/odd', '/silent', '/gone']) {
    await (await request(`${path}?token=${query}`, { method: 'POST', headers, body })).body.dump()
  }
  const client = connect(port, '127.0.0.1')
  client.write(`GET /silent?token=${query} HTTP/1.1\r\nHost: x\r\nAuthorization: ${fields.authorization}\r\n\r\n`)
  await until(() => target.hits() === 6)
  client.destroy()
  await until(() => kit.open() === 0 && ours().length >= 7)
  t.same(kit.spans().length, 14)
  t.notMatch(JSON.stringify(ours()), /SECRET/)
  t.notMatch(JSON.stringify(kit.spans().map(({ name, attributes, status, events }) => [name, attributes, status, events])), /SECRET/)
  t.notMatch(JSON.stringify(await kit.metrics()), /SECRET/)
})
