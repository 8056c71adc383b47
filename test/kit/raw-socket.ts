import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'

/** How the other side ended the connection, or `closed` when this side did. */
export type Ending = 'end' | 'reset' | 'closed'

/** No wait lasts longer, in milliseconds. */
const PATIENCE = 30_000

/** One end of a connection. */
export class RawSocket extends EventEmitter {
  readonly #socket: Socket
  /** Every byte that has come. */
  received = ''
  /** What of it belongs to no whole message yet. */
  unfinished = ''
  /** How it ended; undefined while it has not. */
  ending: Ending | undefined

  constructor (socket: Socket) {
    super()
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data: Buffer) => {
      const bytes = data.toString('latin1')
      this.received += bytes
      this.unfinished += bytes
      this.emit('change')
    })
    socket.on('end', () => { this.#over('end') })
    socket.on('error', (error: NodeJS.ErrnoException) => { this.#over(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : 'closed') })
    socket.on('close', () => { this.#over('closed') })
  }

  #over (ending: Ending): void {
    this.ending ??= ending
    this.emit('change')
  }

  /** Writes each piece by itself, so that the other side reads them apart. */
  async send (...pieces: string[]): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await new Promise(resolve => { setTimeout(resolve, 2) })
      await new Promise<void>(resolve => { this.#socket.write(piece, 'latin1', () => { resolve() }) })
    }
  }

  /** Says that nothing more will come. */
  end (): void { this.#socket.end() }

  /** Ends it with an RST. */
  reset (): void { this.#socket.resetAndDestroy() }

  /** Reads nothing from now on. */
  pause (): void { this.#socket.pause() }

  /** Reads on. */
  resume (): void { this.#socket.resume() }

  destroy (): void { this.#socket.destroy() }

  /** What `read` makes of what has come, as soon as it makes something of it; rejects after 10 s. */
  async when<Value> (read: () => Value | undefined, what = 'a change'): Promise<Value> {
    const signal = AbortSignal.timeout(PATIENCE)
    for (;;) {
      const value = read()
      if (value !== undefined) return value
      await once(this, 'change', { signal }).catch(() => {
        throw new Error(`no ${what} after ${PATIENCE} ms, received ${JSON.stringify(this.received.slice(0, 500))}, ending: ${this.ending}`)
      })
    }
  }

  async ended (): Promise<Ending> {
    return await this.when(() => this.ending, 'end of the connection')
  }
}
