import type { Duplex } from 'node:stream'
import type { Clock } from './clock.js'
import { closeFrame, FrameBoundaries } from './frames.js'

/** How long, in milliseconds, both ends have to answer a close frame before they are cut off. */
const CLOSE_TIMEOUT = 1000

/** How long, in milliseconds, frames that are under way may go on before a close frame at the most. */
const LAST_FRAME_TIMEOUT = 10_000

/** How long, in milliseconds, one end may stay silent when the other has ended. A WebSocket is of no use half open. */
const HALF_OPEN_TIMEOUT = 10_000

export interface TunnelSettings {
  readonly clock: Clock
  /** Milliseconds of silence in both directions that end the tunnel; 0 is no limit. */
  readonly idle: number
  /** Called once, when both connections are closed. */
  readonly closed: (bytes: { readonly received: number, readonly sent: number }) => void
}

/** One direction of a tunnel. */
interface Direction {
  readonly from: Duplex
  readonly to: Duplex
  readonly frames: FrameBoundaries
  bytes: number
  /** What is to be sent at the next frame boundary, in place of everything that would follow. */
  last: Buffer | undefined
}

/**
 * Two connections tied together after `101 Switching Protocols` to WebSocket. Bytes pass unread, at the pace of the slower
 * end; when one end closes or fails, so does the other.
 */
export class Tunnel {
  readonly #settings: TunnelSettings
  /** From the client to the upstream. */
  readonly #up: Direction
  readonly #down: Direction
  #cancelTimer: () => void = () => {}
  /** When the last bytes passed. */
  #active: number
  #open = 2
  #ending = false

  /** @param early what the client has sent already */
  constructor (client: Duplex, upstream: Duplex, early: readonly Buffer[], settings: TunnelSettings) {
    this.#settings = settings
    this.#active = settings.clock.now()
    this.#up = { from: client, to: upstream, frames: new FrameBoundaries(), bytes: 0, last: undefined }
    this.#down = { from: upstream, to: client, frames: new FrameBoundaries(), bytes: 0, last: undefined }
    this.#tie(this.#up)
    this.#tie(this.#down)
    for (const chunk of early) this.#pass(this.#up, chunk)
    this.#watch()
  }

  /**
   * Tells both ends that the gateway is going away (close code 1001), each between two frames, and cuts them off when
   * they do not close.
   */
  end (): void {
    if (this.#ending) return
    this.#ending = true
    const { clock } = this.#settings
    const mask = Buffer.from(Array.from({ length: 4 }, () => Math.floor(clock.random() * 256)))
    this.#active = clock.now()
    this.#cutLater(this.#active + LAST_FRAME_TIMEOUT)
    for (const [direction, frame] of [[this.#down, closeFrame()], [this.#up, closeFrame(mask)]] as const) {
      direction.last = frame
      if (direction.frames.between) this.#finish(direction)
    }
  }

  #tie (direction: Direction): void {
    const { from, to } = direction
    // A reset ends in `close`; which of the two failed makes no difference to the other.
    from.on('error', () => {})
    from.on('data', (chunk: Buffer) => { this.#pass(direction, chunk) })
    // It may have been paused while it waited for the other.
    from.resume()
    from.on('end', () => { to.end() })
    to.on('drain', () => { from.resume() })
    to.once('finish', () => {
      if (this.#ending) return
      this.#active = this.#settings.clock.now()
      this.#watch()
    })
    from.once('close', () => {
      // Everything that came before a proper end has been handed over, and is still to be sent.
      if (from.readableEnded && from.errored === null) to.end()
      else to.destroy()
      this.#open--
      if (this.#open > 0) return
      this.#cancelTimer()
      this.#settings.closed({ received: this.#up.bytes, sent: this.#down.bytes })
    })
  }

  #pass (direction: Direction, chunk: Buffer): void {
    const { from, to, frames } = direction
    if (to.writableEnded || to.destroyed) return
    this.#active = this.#settings.clock.now()
    if (direction.last === undefined) {
      frames.pass(chunk)
      this.#write(direction, chunk)
      return
    }
    this.#write(direction, chunk.subarray(0, frames.finish(chunk)))
    if (frames.between) this.#finish(direction)
    else if (to.writableNeedDrain) from.pause()
  }

  #write (direction: Direction, chunk: Buffer): void {
    direction.bytes += chunk.length
    if (!direction.to.write(chunk)) direction.from.pause()
  }

  #finish ({ from, to, last }: Direction): void {
    if (!to.writableEnded && !to.destroyed) to.end(last)
    // What still comes is of no use; it has to be read for the end to be seen.
    from.resume()
  }

  /** Ends the tunnel when nothing has passed for as long as may be. */
  #watch (): void {
    const { clock, idle } = this.#settings
    const quiet = clock.now() - this.#active
    const limit = Math.min(idle === 0 ? Infinity : idle, this.#halfOpen ? HALF_OPEN_TIMEOUT : Infinity)
    this.#cancelTimer()
    if (limit === Infinity) return
    if (quiet < limit) this.#cancelTimer = clock.after(limit - quiet, () => { this.#watch() })
    else this.end()
  }

  /** Whether one of the connections takes nothing more, and has been sent everything. */
  get #halfOpen (): boolean {
    return this.#up.to.writableFinished || this.#down.to.writableFinished
  }

  /** Cuts both ends off once nothing has passed for a while, but not later than `latest`. */
  #cutLater (latest: number): void {
    const { clock } = this.#settings
    this.#cancelTimer()
    this.#cancelTimer = clock.after(CLOSE_TIMEOUT, () => {
      const now = clock.now()
      if (now < latest && now - this.#active < CLOSE_TIMEOUT) {
        this.#cutLater(latest)
        return
      }
      this.#up.from.destroy()
      this.#down.from.destroy()
    })
  }
}
