import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Outcome } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until, upstream } from '../kit/index.js'

const REQUESTS = 10_000
const CLIENTS = 100
const SHARE_ABORTED = 0.1

type Phase = 'never' | 'before headers' | 'during the upload' | 'during the response'

/** A request on a connection of its own or on a kept one, without an HTTP client that could tidy up after itself. */
class Client {
  #socket: Socket | undefined
  readonly #port: number
  readonly #random: () => number

  constructor (port: number, random: () => number) {
    this.#port = port
    this.#random = random
  }

  async send (phase: Phase): Promise<void> {
    const socket = this.#socket ?? connect(this.#port, '127.0.0.1')
    this.#socket = socket
    if (socket.listenerCount('error') === 0) socket.on('error', () => {})
    const upload = phase === 'during the upload' || this.#random() < 0.3
    const path = phase === 'during the response' || this.#random() < 0.1 ? '/long' : '/short'
    socket.write(upload
      ? `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${'u'.repeat(1000)}`
      : `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    if (upload && phase !== 'during the upload') socket.write('u'.repeat(1000))

    if (phase === 'never') await this.#whole(socket)
    else if (phase === 'during the response') await once(socket, 'data')
    else await this.#moment()
    if (phase !== 'never') this.leave()
  }

  leave (): void {
    // By a FIN or by a reset, as clients do.
    if (this.#random() < 0.5) this.#socket?.destroy()
    else this.#socket?.resetAndDestroy()
    this.#socket = undefined
  }

  /** Some turns of the event loop: the request is then anywhere between the client and the target. */
  async #moment (): Promise<void> {
    for (let turns = Math.floor(this.#random() * 8); turns > 0; turns--) await new Promise(resolve => { setImmediate(resolve) })
  }

  async #whole (socket: Socket): Promise<void> {
    let text = ''
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        text += chunk.toString('latin1')
        if (!text.endsWith('\r\n\r\nshort') && !text.endsWith('0\r\n\r\n')) return
        done()
        resolve()
      }
      const onClose = (): void => {
        done()
        reject(new Error(`the connection closed after ${text.slice(0, 200)}`))
      }
      const done = (): void => { socket.off('data', onData).off('close', onClose) }
      socket.on('data', onData).on('close', onClose)
    })
    if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(text.slice(0, 200))
  }
}

t.test('after 10,000 requests, a tenth of them aborted anywhere, nothing is in flight and nobody is blamed', async t => {
  const targets = await Promise.all([1, 2, 3].map(async () => await upstream(t, (request, response) => {
    request.on('error', () => {})
    request.resume().once('end', () => {
      if (request.url === '/short') {
        response.setHeader('content-length', 5)
        response.end('short')
      } else {
        response.write(Buffer.alloc(20_000, 'l'))
        setImmediate(() => { response.end('end') })
      }
    })
  })))
  const outcomes: Outcome[] = []
  const requests: FastifyRequest[] = []
  const { app, port } = await gateway(t, {
    name: 'pool', targets: targets.map(({ url }) => url), observers: [{ settled (_target, outcome) { outcomes.push(outcome) } }]
  }, { logger: false, before: app => app.addHook('onRequest', async request => { requests.push(request) }) })

  const dice = new VirtualClock(7)
  const random = (): number => dice.random()
  const aborts: Phase[] = ['before headers', 'during the upload', 'during the response']
  const aborted: Record<string, number> = {}
  const faults: string[] = []
  let left = REQUESTS
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = new Client(port, random)
    while (left-- > 0) {
      const phase = random() < SHARE_ABORTED ? aborts[Math.floor(random() * aborts.length)] ?? 'never' : 'never'
      aborted[phase] = (aborted[phase] ?? 0) + 1
      await client.send(phase).catch((error: unknown) => {
        faults.push(`${phase}: ${String(error)}`)
        client.leave()
      })
    }
    client.leave()
  }))

  t.same(faults, [], 'whoever stayed got a whole answer')
  for (const phase of aborts) t.ok((aborted[phase] ?? 0) > 200, `${aborted[phase] ?? 0} aborts ${phase}`)
  const pool = app.upstreams['pool']
  await until(() => pool?.targets.every(target => target.inFlight === 0) === true, 20_000)
  const kinds = [...new Set(outcomes.map(({ kind }) => kind))].sort()
  t.same(kinds, ['aborted', 'answered'])
  t.ok(outcomes.filter(({ kind }) => kind === 'aborted').length > 300, 'aborts reached attempts under way')
  t.same(pool?.targets.map(({ counters }) => [counters.faults, counters.failed, counters.broken, counters.unsent]), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
  t.equal(requests.filter(({ attempts }) => attempts.length > 1).length, 0, 'no abort led to a further attempt')
  t.equal(requests.reduce((sum, { attempts }) => sum + attempts.length, 0), outcomes.length)
  t.equal(pool?.targets.reduce((sum, { counters }) => sum + counters.attempts, 0), outcomes.length)
})
