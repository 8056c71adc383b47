import { connect, type Socket } from 'node:net'
import { Duplex, Readable } from 'node:stream'
import type { Test } from 'tap'
import type { buildConnector, Dispatcher } from 'undici'
import { systemClock, type Clock } from '../../lib/clock.js'
import { Connection, type Carried } from '../../lib/connection.js'

/** What a request came to, on a connection that it tells when it begins; it reads nothing until told to, if it is to wait. */
export class Received implements Carried {
  connection: Connection | undefined
  status = 0
  text = ''
  ended: true | Error | undefined
  reused: boolean | undefined
  resume: () => void = () => {}
  readonly #waits: boolean

  constructor (waits = false) {
    this.#waits = waits
  }

  onConnect (): void {
    this.connection?.begin()
    this.reused = this.connection?.reused
  }

  onHeaders (status: number, _headers: Buffer[], resume: () => void): boolean {
    this.status = status
    this.resume = resume
    return !this.#waits
  }

  onData (chunk: Buffer): boolean {
    this.text += chunk.toString('latin1')
    return true
  }

  onComplete (): void { this.ended = true }
  onError (error: Error): void { this.ended = error }
  onUpgrade (_status: number, _headers: Buffer[], socket: Duplex): void {
    this.ended = true
    this.upgraded = socket
  }

  upgraded: Duplex | undefined
}

/** A connection of the class under test, over sockets from `open`. */
export function connection (t: Test, open: () => Duplex, clock: Clock = systemClock): { connection: Connection, sockets: Duplex[] } {
  const sockets: Duplex[] = []
  const connector: buildConnector.connector = (_options, callback) => {
    const socket = open()
    sockets.push(socket)
    const ready = (): void => { callback(null, socket as Socket) }
    if ((socket as Partial<Socket>).connecting === true) socket.once('connect', ready)
    else setImmediate(ready)
  }
  const made = new Connection('http://upstream.test', { connect: connector }, clock)
  t.teardown(async () => { await made.destroy() })
  return { connection: made, sockets }
}

export function to (url: string): () => Duplex {
  return () => connect(Number(new URL(url).port), '127.0.0.1')
}

/** A socket that takes `writable` bytes and resets what comes then; what it is read from is up to the test. */
export class Fake extends Duplex {
  #left: number
  broken = false

  constructor (writable = Infinity) {
    super()
    this.#left = writable
  }

  override _read (): void {}

  override _write (chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#left -= chunk.length
    this.broken = this.#left < 0
    if (!this.broken) done()
    else done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }))
  }
}

export const GET: Dispatcher.DispatchOptions = { method: 'GET', path: '/' }

/** An upload that counts what is taken of it. */
export function uploading (bytes = 1_000_000): { options: Dispatcher.DispatchOptions, taken: () => number } {
  let taken = 0
  const body = Readable.from((function * () {
    for (; taken < bytes; taken += 10_000) yield Buffer.alloc(10_000)
  })(), { objectMode: false })
  return { options: { method: 'POST', path: '/', body }, taken: () => taken }
}
