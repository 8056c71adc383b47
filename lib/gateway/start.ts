import { systemClock } from '../clock.js'
import { endOnSignal } from '../signals.js'
import { Gateway } from './gateway.js'
import { load, type LoadSettings } from './load.js'
import { makeLog } from './log.js'
import { problemText } from './problems.js'
import { Reloading } from './reloading.js'
import type { GatewayDocument } from './types.js'

export interface StartSettings extends LoadSettings {
  readonly file: string
  readonly workers: number | undefined
  /** Whether the file is looked at, and not only on SIGHUP. */
  readonly watch: boolean
}

/** Milliseconds from one look at the document to the next. */
const INTERVAL = 1000

/** Milliseconds after the grace at which the process ends, whatever is left. */
const EXIT_WITHIN = 400

/**
 * Serves until a signal.
 *
 * @returns lines that say why it could not start; none when it has
 */
export async function start ({ file, workers, watch, env, extensions }: StartSettings): Promise<readonly string[]> {
  const amend = (document: GatewayDocument): GatewayDocument => workers === undefined ? document : { ...document, workers }
  const { checked, problemOf } = await load(file, { env, extensions })
  if (checked.problems !== undefined) return checked.problems.map(problem => problemText(problem, file))
  const document = amend(checked.value)
  let gateway: Gateway
  try {
    const log = await makeLog(document.log ?? {}, process.stdout)
    gateway = new Gateway({ log, extensions })
    await gateway.start(document)
    const reloading = new Reloading({ file, gateway, log, clock: systemClock, interval: watch ? INTERVAL : 0, amend, env, extensions })
    process.on('SIGHUP', () => { void reloading.reload() })
    const { grace = 10_000 } = document.shutdown ?? {}
    endOnSignal({ signals: ['SIGTERM', 'SIGINT'], within: grace + EXIT_WITHIN, exit: true, clock: systemClock, log }, async () => {
      reloading.stop()
      await gateway.stop()
    })
    return []
  } catch (error) {
    const problem = problemOf(error)
    return [problem === undefined ? `${file}: ${(error as Error).message}` : problemText(problem, file)]
  }
}
