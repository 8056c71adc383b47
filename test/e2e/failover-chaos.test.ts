import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Outcome } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { digest, gateway, REFUSING, until, upstream } from '../kit/index.js'

const REQUESTS = 2000
const CLIENTS = 40
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'] as const
const BODY = Buffer.alloc(100_000, 'chaos ')

/** What a target may do with a request instead of answering it. */
const MISCHIEF: ReadonlyArray<(request: IncomingMessage, response: ServerResponse) => void> = [
  request => { request.socket.resetAndDestroy() },
  request => { request.socket.end() },
  request => { request.once('data', () => { request.socket.destroy() }).once('end', () => { request.socket.destroy() }) },
  (_request, response) => { response.writeHead(503, { 'content-length': 4 }).end('busy') },
  (_request, response) => { response.writeHead(503).end(BODY) },
  request => { request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => { request.socket.destroy() }) },
  request => { request.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => { request.socket.resetAndDestroy() }) }
]

t.test('whatever targets and clients do, every request ends, every attempt is accounted for, and whole answers are right', async t => {
  const dice = new VirtualClock(11)
  const chance = (share: number): boolean => dice.random() < share
  const one = <T>(list: readonly T[]): T => list[Math.floor(dice.random() * list.length)] as T

  const targets = await Promise.all([1, 2, 3].map(async () => await upstream(t, (request, response) => {
    request.on('error', () => {})
    if (chance(0.2)) {
      one(MISCHIEF)(request, response)
      request.resume()
      return
    }
    void digest(request).then(({ bytes, sha256 }) => {
      const text = `${bytes} ${sha256}`
      if (chance(0.5)) response.setHeader('content-length', text.length)
      response.end(text)
    }, () => { response.destroy() })
  })))
  const outcomes: Outcome[] = []
  const requests: FastifyRequest[] = []
  const gate = await gateway(t, {
    name: 'pool', targets: [...targets.map(({ url }) => url), REFUSING], observers: [{ settled (_target, outcome) { outcomes.push(outcome) } }]
  }, { logger: false, before: app => app.addHook('onRequest', async request => { requests.push(request) }) })

  const ends: Record<string, number> = {}
  async function send (): Promise<string> {
    const method = one(METHODS)
    const body = method === 'GET' || method === 'HEAD' ? BODY.subarray(0, 0) : BODY.subarray(0, one([0, 10, 60_000, 100_000]))
    const gone = new AbortController()
    if (chance(0.1)) setTimeout(() => { gone.abort() }, dice.random() * 10)
    try {
      const response = await gate.request('/', {
        method, signal: gone.signal, body: body.length === 0 ? null : chance(0.5) ? body : Readable.from([body.subarray(0, 5), body.subarray(5)])
      })
      const text = await response.body.text()
      if (response.statusCode !== 200 || method === 'HEAD') return String(response.statusCode)
      const wanted = `${body.length} ${createHash('sha256').update(body).digest('hex')}`
      return text === wanted ? 'whole' : `${method} ${body.length}: ${text.slice(0, 100)}`
    } catch {
      return gone.signal.aborted ? 'left' : 'cut'
    }
  }
  let left = REQUESTS
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (left-- > 0) {
      const end = await send()
      ends[end] = (ends[end] ?? 0) + 1
    }
  }))

  t.same(Object.keys(ends).filter(end => !['whole', 'left', 'cut', '200', '502', '503'].includes(end)), [])
  t.equal(Object.values(ends).reduce((sum, count) => sum + count, 0), REQUESTS)
  t.ok((ends['whole'] ?? 0) > REQUESTS / 2, JSON.stringify(ends))
  const pool = gate.app.upstreams['pool']
  await until(() => pool?.targets.every(target => target.inFlight === 0) === true, 20_000)
  t.equal(pool?.targets.reduce((sum, { counters }) => sum + counters.attempts, 0), outcomes.length)
  t.equal(requests.reduce((sum, { attempts }) => sum + attempts.length, 0), outcomes.length)
  // Three, and as many again for connections that had gone stale; only these may go to the same target once more.
  t.equal(requests.filter(({ attempts }) => attempts.length > 6).length, 0)
  t.equal(requests.filter(({ attempts }) => attempts.length <= targets.length + 1 && new Set(attempts.map(({ target }) => target)).size !== attempts.length).length, 0, 'nobody was asked twice')
  const repeated = requests.filter(({ method, attempts }) => ['POST', 'PATCH'].includes(method) && attempts.slice(0, -1).some(({ outcome }) => outcome !== 'unsent'))
  t.equal(repeated.length, 0, 'no POST and no PATCH was sent twice')
  const continued = requests.filter(({ attempts }) => attempts.slice(0, -1).some(({ outcome }) => outcome === 'broken' || outcome === 'aborted'))
  t.equal(continued.length, 0, 'nothing was repeated after a broken or an aborted attempt')
})
