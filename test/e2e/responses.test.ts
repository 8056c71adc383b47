import { connect } from 'node:net'
import t from 'tap'
import { gateway, rawUpstream } from '../kit/index.js'

/** Every byte value once. */
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')
const LIMIT = 16 * 1024

interface Case {
  readonly method?: 'GET' | 'HEAD' | 'OPTIONS'
  /** What the target sends, whole. */
  readonly sent: string
  /** What the client gets: status line, fields, body. `Date` and what belongs to the connection are left out. */
  readonly status: string
  readonly fields: readonly string[]
  readonly body?: string
}

const CASES: Record<string, Case> = {
  'a small body': {
    sent: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-One: 1\r\n\r\nhi',
    status: '200 OK',
    fields: ['content-type: text/plain', 'content-length: 2', 'x-one: 1'],
    body: 'hi'
  },
  'a small body without a type': {
    sent: `HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n${ALL_BYTES}`, status: '200 OK', fields: ['content-length: 256'], body: ALL_BYTES
  },
  'a type without a charset': {
    sent: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    status: '200 OK',
    fields: ['content-type: application/json', 'content-length: 2'],
    body: '{}'
  },
  'an empty body': { sent: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', status: '200 OK', fields: ['content-length: 0'] },
  'an empty body of unknown length': {
    sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', status: '200 OK', fields: ['content-length: 0']
  },
  'an error with an empty body': { sent: 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n', status: '500 Internal Server Error', fields: ['content-length: 0'] },
  'the longest body that is held back': {
    sent: `HTTP/1.1 200 OK\r\nContent-Length: ${LIMIT}\r\n\r\n${'x'.repeat(LIMIT)}`, status: '200 OK', fields: [`content-length: ${LIMIT}`], body: 'x'.repeat(LIMIT)
  },
  'the shortest body that is streamed': {
    sent: `HTTP/1.1 200 OK\r\nContent-Length: ${LIMIT + 1}\r\n\r\n${'x'.repeat(LIMIT + 1)}`,
    status: '200 OK',
    fields: [`content-length: ${LIMIT + 1}`],
    body: 'x'.repeat(LIMIT + 1)
  },
  'a chunked body without a type': {
    sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', status: '200 OK', fields: ['transfer-encoding: chunked'], body: '2\r\nhi\r\n0\r\n\r\n'
  },
  'a body that ends with the connection': { sent: 'HTTP/1.0 200 OK\r\n\r\nhello', status: '200 OK', fields: ['transfer-encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' },
  'a 204': { sent: 'HTTP/1.1 204 No Content\r\nX-One: 1\r\n\r\n', status: '204 No Content', fields: ['x-one: 1'] },
  'a 205': { sent: 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', status: '205 Reset Content', fields: ['content-length: 0'] },
  'a 304': { sent: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', status: '304 Not Modified', fields: ['etag: "a"'] },
  'a 304 that tells a length': {
    sent: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 100\r\n\r\n', status: '304 Not Modified', fields: ['etag: "a"', 'content-length: 100']
  },
  'an answer to HEAD with a length': {
    method: 'HEAD', sent: 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 123456\r\n\r\n', status: '200 OK', fields: ['content-type: text/html', 'content-length: 123456']
  },
  'an answer to HEAD without a length': { method: 'HEAD', sent: 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n', status: '200 OK', fields: ['content-type: text/html'] },
  'an answer to OPTIONS': { method: 'OPTIONS', sent: 'HTTP/1.1 200 OK\r\nAllow: GET, POST\r\nContent-Length: 0\r\n\r\n', status: '200 OK', fields: ['allow: GET, POST', 'content-length: 0'] },
  'fields that come twice': {
    sent: 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Bearer\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n',
    status: '401 Unauthorized',
    fields: ['www-authenticate: Basic', 'www-authenticate: Bearer', 'set-cookie: a=1', 'set-cookie: b=2', 'content-length: 0']
  },
  'fields with odd names and bytes': {
    sent: 'HTTP/1.1 200 OK\r\nX-Latin: caf\xe9\r\nconstructor: c\r\nContent-Length: 0\r\n\r\n',
    status: '200 OK',
    fields: ['x-latin: caf\xe9', 'constructor: c', 'content-length: 0']
  },
  'fields of the connection': {
    sent: 'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nKeep-Alive: timeout=600\r\nX-Secret: 1\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi',
    status: '200 OK',
    fields: ['content-length: 2'],
    body: 'hi'
  },
  'a small body with an announced trailer': {
    sent: 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nhi', status: '200 OK', fields: ['content-length: 2'], body: 'hi'
  },
  'a chunked body with a trailer': {
    sent: 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n',
    status: '200 OK',
    fields: ['transfer-encoding: chunked'],
    body: '2\r\nhi\r\n0\r\n\r\n'
  },
  'a 204 with an announced trailer': { sent: 'HTTP/1.1 204 No Content\r\nTrailer: X-Sum\r\n\r\n', status: '204 No Content', fields: [] }
}

const OF_THE_HOP = /^(?:date|connection|keep-alive):/

/** Everything a client gets until its connection, asked to close, does. */
async function received (port: number, request: string): Promise<{ status: string, fields: string[], body: string }> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += (chunk as Buffer).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const [status = '', ...fields] = text.slice(0, end).split('\r\n')
  return {
    status: status.replace('HTTP/1.1 ', ''),
    fields: fields.map(field => field.replace(/^[^:]+/, name => name.toLowerCase())).filter(field => !OF_THE_HOP.test(field)).sort(),
    body: text.slice(end + 4)
  }
}

for (const [what, { method = 'GET', sent, status, fields, body = '' }] of Object.entries(CASES)) {
  t.test(`${what} arrives as it was sent`, async t => {
    const target = await rawUpstream(t, socket => {
      // Only the HTTP/1.0 answer is ended by its connection.
      socket.on('data', () => { socket.write(sent, 'latin1', () => { if (sent.startsWith('HTTP/1.0')) socket.end() }) })
    })
    const { app, port } = await gateway(t, { name: 'pool', targets: [target], retries: 0 })
    for (let i = 0; i < 2; i++) {
      const got = await received(port, `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      t.same(got, { status, fields: [...fields].sort(), body })
    }
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 2, failed: 0, broken: 0 } })
  })
}
