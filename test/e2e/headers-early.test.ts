import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { rawClient, rawServer, values } from '../kit/raw.js'

const BYTES = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')

t.test('bytes above 0x7f arrive as they are in headers that are sent ahead of the body', async t => {
  const continuing: Array<() => void> = []
  const target = await rawServer(t, async connection => {
    while (await connection.request() !== undefined) {
      await connection.send(`HTTP/1.1 200 OK\r\nX-Bytes: ${BYTES}\r\nSet-Cookie: a=${BYTES}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n`)
      await new Promise<void>(resolve => { continuing.push(resolve) })
      await connection.send('2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n')
    }
  })
  const { port } = await gateway(t, { targets: [target.url] })
  for (const te of ['', 'TE: trailers\r\n']) {
    const client = await rawClient(t, port)
    await client.send(`GET / HTTP/1.1\r\nHost: x\r\n${te}\r\n`)
    await client.when(() => client.received.includes('\r\n\r\n') || undefined, 'head')
    await until(() => continuing.length === 1)
    continuing.pop()?.()
    const response = await client.response()
    t.equal(response?.body, 'hi')
    t.same(values(response?.fields ?? [], 'x-bytes'), [BYTES])
    t.same(values(response?.fields ?? [], 'set-cookie'), [`a=${BYTES}`])
    client.destroy()
  }
})
