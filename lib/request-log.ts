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

/**
 * The one line of a request, at the end of this turn of the event loop: a line among lines takes two thirds of what it takes between
 * two requests, where nothing that it needs is in the processor's caches.
 */
export function logEnd (log: FastifyBaseLogger, end: ExchangeEnd): void {
  if (waiting.push({ log, end }) === 1) setImmediate(writeLines)
}

// A process that ends in the middle of a turn.
process.on('exit', writeLines)

function writeLines (): void {
  const lines = waiting
  waiting = []
  for (const { log, end } of lines) {
    try {
      writeLine(log, end)
    } catch {
      // A logger that throws has nobody to tell it, and is not to take the others' lines, or the process, with it.
    }
  }
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
