import { MessageChannel } from 'node:worker_threads'
import type { Clock } from './clock.js'

export interface SignalSettings {
  readonly signals: readonly NodeJS.Signals[]
  /** Milliseconds within which the process ends, closed or not, when it is to end. */
  readonly within: number
  /** Whether the process ends once `close` has settled, whatever else keeps it running. */
  readonly exit: boolean
  readonly clock: Clock
  readonly log: { error (fields: object, message: string): void }
}

/**
 * Closes with the first signal: exit code 0, or 1 when that has failed or takes too long. The second one ends the process at once, with 1.
 *
 * @returns leaves signals alone again
 */
export function endOnSignal ({ signals, within, exit, clock, log }: SignalSettings, close: (signal: NodeJS.Signals) => Promise<void>): () => void {
  let signalled = false
  const end = (code: number): void => {
    if (exit) process.exit(code)
    if (code !== 0) process.exitCode = code
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) process.exit(1)
    signalled = true
    if (exit) {
      clock.after(within, () => {
        log.error({ signal }, 'the app has not closed in time')
        end(1)
      })
    }
    close(signal).then(() => { end(0) }, () => { end(1) })
  }
  for (const signal of signals) process.on(signal, onSignal)
  return () => { for (const signal of signals) process.off(signal, onSignal) }
}

/**
 * Keeps a process running that waits for nothing but timers, which do not.
 *
 * @returns lets it end
 */
export function stayAwake (): () => void {
  const { port1 } = new MessageChannel()
  port1.ref()
  return () => { port1.close() }
}
