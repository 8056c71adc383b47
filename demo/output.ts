import type { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import type { Entry } from './journal.js'
import { Screen } from './screen.js'
import type { Status } from './status.js'
import { entryLine, hints, painted, plain, report, table } from './view.js'

/** How a run is shown. */
export interface Output {
  /** Milliseconds between two calls of `show`. */
  readonly interval: number
  open (url: string): void
  show (status: Status): void
  note (entry: Entry): void
  close (last: Status, summary: object): void
}

/** A table that is drawn over in place. */
export function live (out: WriteStream): Output {
  const screen = new Screen(out)
  const paint = out.hasColors() ? painted : plain
  return {
    interval: 250,
    open () { screen.open() },
    show (status) { screen.draw([...table(status, paint), ...hints(status.url, paint)]) },
    // The table has room for the latest ones.
    note () {},
    close (last) {
      screen.close()
      write(out, [...table(last, paint), ''])
    }
  }
}

/** Line after line, for a file or a pipe. */
export function lines (out: Writable): Output {
  return {
    interval: 1000,
    open (url) { write(out, [...hints(url, plain), '']) },
    show (status) { write(out, report(status)) },
    note (entry) { write(out, [entryLine(entry)]) },
    close () {}
  }
}

/** One JSON value on `out` when it is over, and until then how it goes on `progress`. */
export function json (out: Writable, progress: Writable): Output {
  return {
    interval: 1000,
    open (url) { write(progress, [`Gateway at ${url}`, `Dashboard at ${url}/_balancer/`]) },
    show (status) { write(progress, report(status).slice(0, 1)) },
    note (entry) { write(progress, [entryLine(entry)]) },
    close (_last, summary) { write(out, [JSON.stringify(summary, null, 2)]) }
  }
}

function write (out: Writable, lines: readonly string[]): void {
  out.write(lines.map(line => `${line}\n`).join(''))
}
