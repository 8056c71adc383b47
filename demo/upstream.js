/**
 * One upstream, in a process of its own: `upstream.js <name> <port> <fastest> <slowest>`, times in milliseconds.
 * Tells its parent the port that it listens on, and ends when the parent is gone.
 *
 * JavaScript, because without a loader it starts five times as fast.
 */
import { createServer } from 'node:http'

const [name, port, fastest, slowest] = process.argv.slice(2)

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n')
    return
  }
  let bytes = 0
  request.on('data', chunk => { bytes += chunk.length })
  request.on('end', () => {
    const took = Number(fastest) + Math.random() * (Number(slowest) - Number(fastest))
    setTimeout(() => {
      const answer = { upstream: name, pid: process.pid, method: request.method, path: request.url, bytes }
      const body = `${JSON.stringify(answer)}\n`
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }, took)
  })
})

// A gateway that reuses a connection just as it is closed for idleness would see a fault that nobody ordered.
server.keepAliveTimeout = 60_000
server.on('error', error => {
  console.error(`${name}: ${error.message}`)
  process.exit(1)
})
server.listen(Number(port), '127.0.0.1', () => {
  process.send?.(server.address().port)
})

// Ctrl-C reaches the whole process group; the parent decides when its upstreams end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => { process.exit() })
