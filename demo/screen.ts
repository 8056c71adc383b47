import type { WriteStream } from 'node:tty'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR = '\x1b[2J'
// Lines that are wider than the terminal are cut off by it, so that every line stays one.
const CUT = '\x1b[?7l'
const WRAP = '\x1b[?7h'

/** A terminal's other screen, drawn over in place by as many lines each time. What was on the first one is there again afterwards. */
export class Screen {
  readonly #out: WriteStream
  #open = false
  readonly #clear = (): void => { this.#out.write(CLEAR) }
  readonly #restore = (): void => { this.close() }

  constructor (out: WriteStream) {
    this.#out = out
  }

  open (): void {
    this.#open = true
    this.#out.write(ENTER + CLEAR)
    this.#out.on('resize', this.#clear)
    // Also for an end that nobody planned: writes to a terminal are done when they return.
    process.once('exit', this.#restore)
  }

  draw (lines: readonly string[]): void {
    // A terminal that does not know its size says 0.
    const shown = lines.slice(0, this.#out.rows || lines.length)
    this.#out.write(CUT + HOME + shown.map(line => CLEAR_LINE + line).join('\n') + WRAP)
  }

  close (): void {
    if (!this.#open) return
    this.#open = false
    process.off('exit', this.#restore)
    this.#out.off('resize', this.#clear)
    this.#out.write(LEAVE)
  }
}
