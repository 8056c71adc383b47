/**
 * One upstream, in a process of its own: `upstream-program.js <JSON>`. It tells its parent the port that it listens on, answers the
 * parent's questions, and ends when the parent is gone.
 *
 * JavaScript, because without a loader it starts five times as fast.
 */
import { createServer } from 'node:http'

/** As UpstreamConfig in upstream.ts has it; times in milliseconds. */
const { port = 0, name = 'upstream', status = 200, takes = [4, 16], capacity = Infinity, retryAfter, keepAlive = 120_000, linger = 0, resets = 0, stalls = 0, deaf = false } =
  JSON.parse(process.argv[2] ?? '{}')

/** An upstream that is deaf ends by itself after so long: it could not be told to. */
const DEAF_FOR = 60_000

/** Requests that have been received and not yet answered. */
let inFlight = 0
let seen = 0
let serving = 0
let stopping = false
/** Those beyond the capacity, oldest first. */
const waiting = []

const server = createServer((request, response) => {
  seen++
  inFlight++
  response.once('close', () => {
    inFlight--
    if (stopping) server.closeIdleConnections()
  })
  request.resume()
  request.once('end', () => {
    const fate = Math.random()
    if (fate < resets) request.socket.resetAndDestroy()
    else if (fate >= resets + stalls) take(response)
  })
})

function take (response) {
  if (serving >= capacity) {
    waiting.push(response)
    return
  }
  serving++
  setTimeout(() => {
    serving--
    answer(response)
    const next = waiting.shift()
    if (next !== undefined) take(next)
  }, takes[0] + Math.random() * (takes[1] - takes[0]))
}

function answer (response) {
  const body = `${name}\n`
  response.writeHead(status, {
    'content-type': 'text/plain',
    'content-length': Buffer.byteLength(body),
    'x-upstream': name,
    ...retryAfter !== undefined && { 'retry-after': String(retryAfter) },
    ...stopping && { connection: 'close' },
    ...stopping && linger > 0 && { 'x-upstream-drain': '1' }
  })
  response.end(body)
}

server.keepAliveTimeout = keepAlive
server.on('error', error => {
  console.error(`${name}: ${error.message}`)
  process.exit(1)
})
server.listen({ port, host: '127.0.0.1', backlog: deaf ? 1 : 511 }, () => {
  process.send?.({ ready: server.address().port }, () => {
    // The system goes on completing connections until the backlog is full, and drops what comes then.
    if (!deaf) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DEAF_FOR)
    process.exit()
  })
})

process.on('message', ({ id }) => { process.send?.({ id, value: { inFlight, seen } }) })

/** As a rolling restart should be: no new connections, no idle ones, and what has begun is finished. */
process.on('SIGTERM', () => {
  stopping = true
  // Told in time, a gateway sends nothing more that could cross the end of a connection.
  setTimeout(() => { server.close(() => { process.exit() }) }, linger)
})
// Ctrl-C reaches the whole process group; the parent decides when its upstreams end.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => { process.exit() })
