import t from 'tap'
import { connect } from 'node:net'
import { named, gateway } from '../kit/index.js'

/** The answer's first line. Undici would not send some of these. */
async function status (port: number, target: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write(`GET ${target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`) })
    let answer = ''
    socket.on('data', data => { answer += String(data) }).on('error', reject).on('close', () => { resolve(answer.split('\r\n', 1)[0] ?? '') })
  })
}

for (const useSemicolonDelimiter of [false, true]) {
  t.test(`a guard on /api/admin can not be passed by another spelling (useSemicolonDelimiter: ${useSemicolonDelimiter})`, async t => {
    const seen: string[] = []
    const upstream = await named(t, 'a')
    upstream.server.on('request', request => { seen.push(request.url ?? '') })
    const { port } = await gateway(t, {
      pools: { api: { targets: [upstream.url] } },
      routes: [
        { prefix: '/api', pool: 'api' },
        { prefix: '/api/admin', rewritePrefix: '/admin', pool: 'api', preHandler: async (_request, reply) => await reply.code(403).send() }
      ]
    }, { routerOptions: { useSemicolonDelimiter } as object })
    for (const target of [
      '/api/admin/x', '/api;/admin/x', '/api#/admin/x', '/api/%61dmin/x', '/api/x/../admin/x', '/api/./../admin', '/api/%2e%2e/admin',
      '/api/..%2fadmin', '/api/..%5cadmin', '/api\\admin', '/api/..;/admin', 'http://gateway/api/admin/x', 'http://h?/api/admin/x', '//api/admin/x'
    ]) {
      const line = await status(port, target)
      t.match(line, /^HTTP\/1\.1 (400|403|404) /, `${target} → ${line}`)
    }
    t.same(seen, [], 'nothing has reached the upstream')
    t.match(await status(port, '/api/users'), / 200 /)
    t.same(seen, ['/users'])
  })
}
