import t from 'tap'
import { ALSO_REFUSING, answering, gateway, REFUSING, until } from '../kit/index.js'
import { answeringEach, rawClient, rawServer, values } from '../kit/raw.js'

const EMPTY = {
  '/204': 'HTTP/1.1 204 No Content\r\n\r\n',
  '/204-with-a-length': 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  '/304': 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 100\r\n\r\n',
  '/103': 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  '/100': 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  '/200': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
}

/** Where a client gets a length at all. */
const LENGTHS: Record<string, string[]> = { '/304': ['100'], '/200': ['0'] }

t.test('answers without a body have no length made up for them, and nothing to warn of in the log', async t => {
  const upstream = await rawServer(t, answeringEach(({ target }) => EMPTY[target as keyof typeof EMPTY]))
  const { app, port, log } = await gateway(t, { name: 'pool', targets: [upstream.url] })
  let sent = 0
  const client = await rawClient(t, port)
  for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']) {
    for (const path of Object.keys(EMPTY)) {
      await client.send(`${method} ${path} HTTP/1.1\r\nHost: gateway\r\n${method.startsWith('P') ? 'Content-Length: 1\r\n\r\nx' : '\r\n'}`)
      const final = await client.response(method)
      const status = Number(path.slice(1, 4))
      t.same([final?.status, final?.body], [status < 200 ? 204 : status, ''], `${method} ${path}`)
      t.same(values(final?.fields ?? [], 'content-length'), LENGTHS[path] ?? [], `${method} ${path}`)
      sent++
    }
  }
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: sent, answered: sent, faults: 0 } })
  await until(() => log.filter(({ msg }) => msg === 'request completed').length === sent)
  t.same(log.filter(({ level }) => level >= 40), [])
})

t.test('no answer has a field of the gateway\'s own that tells what is behind it', async t => {
  const small = await answering(t, 'HTTP/1.1 200 OK\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nhi')
  const streamed = await answering(t, 'HTTP/1.1 200 OK\r\nX-Own: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n')
  const broken = await answering(t, 'SSH-2.0-OpenSSH\r\n')
  const usual = ['connection', 'date', 'keep-alive']
  for (const [targets, status, fields] of [
    [[REFUSING, small], 200, ['content-length', 'x-own']], [[REFUSING, streamed], 200, ['transfer-encoding', 'x-own']],
    [[broken], 502, ['content-length', 'content-type']], [[REFUSING, ALSO_REFUSING], 502, ['content-length', 'content-type']]
  ] as const) {
    const { request } = await gateway(t, { targets: [...targets], policy: 'first' })
    const { statusCode, headers, body } = await request('/')
    await body.dump()
    t.same([statusCode, Object.keys(headers).sort()], [status, [...usual, ...fields].sort()], targets.join())
  }
})
