import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { digest, until, upstream } from '../kit/index.js'
import { gatewayProcess, waitingBytes, warmed, warming, type GatewayProcess } from './measured.js'

const MIB = 2 ** 20

/** What a sender may get rid of while nobody reads, without what waits in the system's buffers, whose size is the system's choice. */
const SENDER_LIMIT = 16 * MIB

/** How much the gateway's resident memory may grow. */
const MEMORY_LIMIT = 32 * MIB

/** Milliseconds without a byte taken that count as a stall. */
const STALLED = 700

const PIECE = Buffer.alloc(MIB / 16, 'abcdefghijklmnopqrstuvwxyz0123456789-')

export interface Figures {
  /** Bytes that were taken from the sender before the stall, how many of them waited in the system, and by how many the gateway grew. */
  readonly taken: number
  readonly waiting: number
  readonly grown: number
}

/** A sender that is paused by nothing but backpressure. */
class Sender {
  /** Bytes that the system has taken. */
  taken = 0

  async send (bytes: number, write: (piece: Buffer, done: (error?: Error | null) => void) => void): Promise<void> {
    for (let left = bytes; left > 0; left -= PIECE.length) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      await new Promise<void>((resolve, reject) => { write(piece, error => { if (error == null) resolve(); else reject(error) }) })
      this.taken += piece.length
    }
  }

  /** Waits until nothing is taken any more. */
  async stalled (): Promise<void> {
    let before = -1
    let since = performance.now()
    await until(() => {
      if (this.taken !== before) {
        before = this.taken
        since = performance.now()
      }
      return this.taken > 0 && performance.now() - since > STALLED
    }, 60_000)
  }

  /** Checks the stall, then what came after it. */
  async check (t: Test, { figures, ports }: GatewayProcess, before: number, bytes: number, rest: () => Promise<{ bytes: number, sha256: string }>): Promise<Figures> {
    await this.stalled()
    const { taken } = this
    const waiting = waitingBytes(ports)
    const grown = (await figures()).rss - before
    t.ok(taken < bytes && taken - waiting < SENDER_LIMIT, `the sender stalls, after ${mib(taken)} of which the system has ${mib(waiting)}`)
    t.ok(grown < MEMORY_LIMIT, `the gateway grows by ${mib(grown)}`)
    t.same(await rest(), { bytes, sha256: await expectedSha(bytes) }, 'all of it arrives once it is read')
    const end = performance.now() + 10_000
    while ((await figures()).inFlight > 0 && performance.now() < end) await new Promise(resolve => { setTimeout(resolve, 10) })
    t.equal((await figures()).inFlight, 0)
    return { taken, waiting, grown }
  }
}

export function mib (bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}

async function expectedSha (bytes: number): Promise<string> {
  const hash = createHash('sha256')
  for (let left = bytes; left > 0; left -= PIECE.length) hash.update(left < PIECE.length ? PIECE.subarray(0, left) : PIECE)
  return hash.digest('hex')
}

/** A response to a client that does not read. */
export async function stalledResponse (t: Test, bytes: number, framing: 'length' | 'chunked'): Promise<Figures> {
  const sender = new Sender()
  const target = await upstream(t, (request, response) => {
    if (request.url !== '/') {
      warming(request, response)
      return
    }
    if (framing === 'length') response.setHeader('content-length', bytes)
    void sender.send(bytes, (piece, done) => { response.write(piece, done) }).then(() => { response.end() })
  })
  const gateway = await gatewayProcess(t, target)
  const before = await warmed(gateway)
  const request = httpRequest({ port: gateway.port, host: '127.0.0.1', path: '/', agent: false }).end()
  // Without a reader it is not read.
  const [response] = await once(request, 'response') as [IncomingMessage]
  return await sender.check(t, gateway, before, bytes, async () => await digest(response))
}

/** An upload to an upstream that does not read. */
export async function stalledUpload (t: Test, bytes: number, framing: 'length' | 'chunked'): Promise<Figures> {
  const sender = new Sender()
  let read: () => void = () => {}
  const reading = new Promise<void>(resolve => { read = resolve })
  const target = await upstream(t, (request, response) => {
    if (request.url !== '/') warming(request, response)
    else void reading.then(async () => await digest(request)).then(result => { response.end(JSON.stringify(result)) })
  })
  const gateway = await gatewayProcess(t, target)
  const before = await warmed(gateway)
  const request = httpRequest({
    port: gateway.port, host: '127.0.0.1', path: '/', method: 'POST', agent: false, headers: framing === 'length' ? { 'content-length': bytes } : { 'transfer-encoding': 'chunked' }
  })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  void sender.send(bytes, (piece, done) => { request.write(piece, done) }).then(() => { request.end() })
  return await sender.check(t, gateway, before, bytes, async () => {
    read()
    const [response] = await answered
    return JSON.parse(await text(response)) as { bytes: number, sha256: string }
  })
}

/** Messages of a WebSocket to a client that does not read. */
export async function stalledWebSocket (t: Test, bytes: number): Promise<Figures> {
  const sender = new Sender()
  const target = await upstream(t, warming)
  const server = new WebSocketServer({ server: target.server, perMessageDeflate: false })
  server.on('connection', socket => {
    void sender.send(bytes, (piece, done) => { socket.send(piece, done) }).then(() => { socket.close() })
  })
  const gateway = await gatewayProcess(t, target)
  const before = await warmed(gateway)
  const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/`, { perMessageDeflate: false })
  const hash = createHash('sha256')
  let got = 0
  client.on('message', (data: Buffer) => {
    hash.update(data)
    got += data.length
  })
  await once(client, 'open')
  client.pause()
  return await sender.check(t, gateway, before, bytes, async () => {
    const closed = once(client, 'close')
    client.resume()
    await closed
    return { bytes: got, sha256: hash.digest('hex') }
  })
}

async function text (body: Readable): Promise<string> {
  let text = ''
  for await (const chunk of body) text += String(chunk)
  return text
}
