/** An upstream in a process of its own: `program.js <JSON>`, for what nginx can not do, and where there is none. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocketServer } from 'ws'

const { bodies, json, certFile, keyFile, eventInterval } = JSON.parse(process.argv[2])

for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => { process.exit() })

const answers = new Map(Object.entries(bodies).map(([path, bytes]) => [path, Buffer.alloc(bytes, 'x')]))
const small = Buffer.from(json)

const answer = (request, response) => {
  if (request.url === '/events') return sendEvents(response)
  const large = answers.get(request.url)
  const body = large ?? small
  const head = { 'content-type': large === undefined ? 'application/json' : 'application/octet-stream', 'content-length': body.length }
  if (request.method === 'GET') {
    response.writeHead(200, head).end(body)
    return
  }
  // Only an upload that has been read whole has been carried by the gateway.
  request.resume().on('end', () => { response.writeHead(200, head).end(body) })
}

// Events carry the time at which they were sent; all processes of a machine have the same clock.
const listeners = new Set()
const sendEvents = response => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders()
  listeners.add(response)
  response.on('close', () => { listeners.delete(response) })
}
setInterval(() => {
  const event = `data: ${performance.timeOrigin + performance.now()} ${'x'.repeat(64)}\n\n`
  for (const response of listeners) response.write(event)
}, eventInterval)

const server = certFile === undefined ? createServer(answer) : createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, answer)
server.keepAliveTimeout = 0
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', socket => {
  socket.on('message', (data, binary) => { socket.send(data, { binary }) })
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send({ ready: server.address().port })
