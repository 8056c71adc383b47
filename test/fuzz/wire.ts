import type { Socket } from 'node:net'
import type { Parsed } from '../kit/raw-parse.js'

/** Milliseconds without what is waited for that count as forever. */
const PATIENCE = 10_000

/** One end of a connection, as bytes. */
export class Wire {
  readonly #socket: Socket
  readonly #patience: number
  #text = ''
  #over = false
  #wake: () => void = () => {}

  /** @param patience in milliseconds, see `read` */
  constructor (socket: Socket, patience = PATIENCE) {
    this.#socket = socket
    this.#patience = patience
    socket.setNoDelay(true)
    // Resets are part of the play.
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      this.#text += data.toString('latin1')
      this.#wake()
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#over = true
        this.#wake()
      })
    }
  }

  /** Port of this end. */
  get port (): number { return this.#socket.localPort ?? 0 }

  /** Whether the other side will send no more. */
  get over (): boolean { return this.#over }

  /** What came and has not been read. */
  get rest (): string { return this.#text }

  /** Each piece in a turn of its own. */
  async write (pieces: readonly string[]): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await new Promise(resolve => { setImmediate(resolve) })
      if (this.#socket.destroyed || !this.#socket.writable) return
      this.#socket.write(piece, 'latin1')
    }
  }

  end (): void { this.#socket.end() }

  destroy (): void { this.#socket.destroy() }

  reset (): void { this.#socket.resetAndDestroy() }

  /**
   * The next message; undefined when the connection ended without one.
   *
   * @throws when nothing comes for as long as patience lasts, and what `parse` throws
   */
  async read<M> (parse: (text: string, over: boolean) => Parsed<M>): Promise<M | undefined> {
    for (;;) {
      const parsed = parse(this.#text, this.#over)
      if (parsed !== undefined) {
        this.#text = this.#text.slice(parsed.end)
        return parsed.message
      }
      if (this.#over) return undefined
      await this.#change()
    }
  }

  /** Waits for the other side to send no more. */
  async ended (): Promise<void> {
    while (!this.#over) await this.#change()
  }

  async #change (): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`nothing for ${this.#patience} ms, after ${JSON.stringify(this.#text.slice(0, 300))}`)) }, this.#patience)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
