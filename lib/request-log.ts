import type { FastifyBaseLogger } from 'fastify'
import { reasonOf, type ExchangeEnd } from './events.js'
import type { AttemptRecord } from './outcome.js'
import { printable } from './printable.js'

/** Which forwarded requests have a line in the log: all, those that the gateway has answered with an error of its own, none. */
export type RequestLog = boolean | 'errors'

type Level = 'info' | 'warn'

/** Whether there is to be a line: asked before it is put together. */
export function isLogged (log: FastifyBaseLogger, which: RequestLog, error: Error | undefined): boolean {
  const level = levelOf(error)
  return which !== false && (which === true || level === 'warn') && isEnabled(log, level)
}

let waiting: Array<{ readonly log: FastifyBaseLogger, readonly end: ExchangeEnd }> = []
/** How many of them have been written. */
let written = 0

/** Tests that own the clock replace the global one, and may never call what they were given. */
const { setImmediate } = globalThis

/**
 * The one line of a request, at the end of this turn of the event loop: a line among lines takes two thirds of what it takes between
 * two requests, where nothing that it needs is in the processor's caches.
 */
export function logEnd (log: FastifyBaseLogger, end: ExchangeEnd): void {
  if (waiting.push({ log, end }) === 1) setImmediate(writeLines)
}

// A process that ends in the middle of a turn. Loggers end what they write to in listeners of their own, which these lines must come before.
process.prependListener('exit', writeLines)

/** May be entered anew by a logger that ends the process. */
function writeLines (): void {
  for (let next = waiting[written]; next !== undefined; next = waiting[written]) {
    written++
    try {
      writeLine(next.log, next.end)
    } catch {
      // A logger that throws has nobody to tell it, and is not to take the others' lines, or the process, with it.
    }
  }
  waiting = []
  written = 0
}

/** Nothing in it is the client's own: no path, no header field, no query. */
function writeLine (log: FastifyBaseLogger, { pool, target, attempts, status, code, ms, waited, error }: ExchangeEnd): void {
  const fields: Record<string, unknown> = { pool, target, attempts: attempts.map(loggedAttempt), status, code, ms: rounded(ms) }
  if (waited > 0) fields['waited'] = rounded(waited)
  if (error === undefined) log.info(fields, 'request forwarded')
  else if (code === 'client_gone') log.info(fields, 'client closed the connection')
  else log.warn({ ...fields, err: error }, 'request could not be forwarded')
}

/** An attempt as a log line shows it. */
export function loggedAttempt ({ target, why, outcome, status, error, ms }: AttemptRecord): object {
  // What nearly all are; spreads cost more than the rest.
  if (why === 'first' && status !== undefined && error === undefined) return { target, outcome, status, ms: rounded(ms) }
  return {
    target,
    ...(why === 'first' ? undefined : { why }),
    outcome,
    ...(status === undefined ? undefined : { status }),
    ...(error === undefined ? undefined : { error: printable(error.message) }),
    ms: rounded(ms)
  }
}

function levelOf (error: Error | undefined): Level {
  return error === undefined || reasonOf(error) === 'client_gone' ? 'info' : 'warn'
}

/** A logger without `isLevelEnabled` has its useless functions in common: Fastify's own for `logger: false` does. */
function isEnabled (log: FastifyBaseLogger & { isLevelEnabled?: (level: string) => boolean }, level: Level): boolean {
  return typeof log.isLevelEnabled === 'function' ? log.isLevelEnabled(level) : log[level] !== log.trace
}

/** Microseconds are enough for anyone who reads. */
function rounded (ms: number): number {
  return Math.round(ms * 1000) / 1000
}
