import { connect } from 'node:net'
import t from 'tap'
import { gateway, named, type Echo } from '../kit/index.js'

t.test('a client takes its own fields away by naming them in Connection, and none that the gateway or a hook has set', async t => {
  const { url } = await named(t, 'a')
  const { port } = await gateway(t, {
    targets: [url],
    replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-rewritten': 'yes' }) }
  }, {
    before: app => {
      app.addHook('onRequest', async request => {
        request.headers['x-user-id'] = 'ada'
        request.headers['x-tenant'] = 'acme'
      })
    }
  })
  const body = await raw(port, [
    'GET / HTTP/1.1', 'Host: gateway', 'X-User-Id: mallory', 'X-Own: 1', 'X-Kept: 1',
    'Connection: close, x-own, X-User-Id, x-tenant, x-forwarded-for, via, host, x-rewritten, content-length'
  ])
  const { headers } = JSON.parse(body) as Echo
  t.match(headers, {
    'x-user-id': 'ada', 'x-tenant': 'acme', 'x-rewritten': 'yes', 'x-kept': '1', 'x-forwarded-for': '127.0.0.1', via: '1.1 fastify-balancer', host: new URL(url).host
  })
  t.notOk('x-own' in headers)
})

/** Undici would not send these. */
async function raw (port: number, lines: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => { socket.write(`${lines.join('\r\n')}\r\n\r\n`) })
    socket.on('data', data => { answer += String(data) }).on('error', reject).on('close', () => { resolve(answer.slice(answer.indexOf('\r\n\r\n') + 4)) })
  })
}
