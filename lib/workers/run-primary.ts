import { Primary, type PrimaryOptions } from './primary.js'

export interface RunPrimaryOptions<Configuration> extends PrimaryOptions<Configuration> {
  /** Signals that stop the workers; a second one kills them. Default: SIGTERM and SIGINT. An empty list leaves them to the caller. */
  readonly signals?: readonly NodeJS.Signals[]
  /** Whether the process ends once it has been stopped, or could not start. Default: true. */
  readonly exit?: boolean
}

/**
 * Makes this process the primary of `count` workers and starts them.
 *
 * With a signal, workers stop in good order; the process then ends with code 0, or with 1 when one of them has not. A second signal
 * kills everybody and ends it with 1. When none of the workers can start, it ends with 1 too.
 *
 * @returns the primary, when all workers serve; rejects with `FST_BALANCER_NO_WORKER` when none can start and `exit` is false
 * @throws BadOptionError
 */
export async function runPrimary<Configuration> (options: RunPrimaryOptions<Configuration>): Promise<Primary<Configuration>> {
  const { signals = ['SIGTERM', 'SIGINT'], exit = true, ...rest } = options
  const primary = new Primary(rest)
  let signalled = false
  const onSignal = (): void => {
    if (signalled) {
      primary.kill()
      process.exit(1)
    }
    signalled = true
    void primary.stop().then(orderly => { end(orderly ? 0 : 1) })
  }
  const end = (code: number): void => {
    for (const signal of signals) process.off(signal, onSignal)
    if (exit) process.exit(code)
    else if (code !== 0) process.exitCode = code
  }
  for (const signal of signals) process.on(signal, onSignal)
  try {
    await primary.start()
  } catch (error) {
    // It has said why in the log, unless it has not come that far.
    if (exit) rest.log.error({ err: error }, 'the workers could not be started')
    end(1)
    throw error
  }
  return primary
}
