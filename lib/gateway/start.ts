import { availableParallelism } from 'node:os'
import { systemClock } from '../clock.js'
import { endOnSignal, stayAwake } from '../signals.js'
import { Gateway } from './gateway.js'
import { load, type LoadSettings } from './load.js'
import { makeLog } from './log.js'
import type { GatewayPrimary, GatewayPrimaryOptions } from './primary.js'
import { problemText } from './problems.js'
import { Reloading } from './reloading.js'
import { MOST_WORKERS } from './schema.js'
import type { GatewayDocument } from './types.js'

export interface StartSettings extends LoadSettings {
  readonly file: string
  readonly workers: number | 'auto' | undefined
  /** Whether the file is looked at, and not only on SIGHUP. */
  readonly watch: boolean
}

/** Milliseconds from one look at the document to the next. */
const INTERVAL = 1000

/** Milliseconds after the grace at which a process ends, whatever is left. */
const EXIT_WITHIN = 400

/** Milliseconds that workers have on top, to tell that they have ended. */
const LAST_WORDS = 200

/**
 * Serves until a signal, in one process or in several.
 *
 * @returns lines that say why it could not start; none when it has
 */
export async function start ({ file, workers, watch, env, extensions }: StartSettings): Promise<readonly string[]> {
  const amend = (document: GatewayDocument): GatewayDocument => workers === undefined ? document : { ...document, workers }
  const { checked, problemOf } = await load(file, { env, extensions })
  if (checked.problems !== undefined) return checked.problems.map(problem => problemText(problem, file))
  const document = amend(checked.value)
  const { grace = 10_000 } = document.shutdown ?? {}
  const count = processes(document)
  const within = grace + EXIT_WITHIN + (count === 1 ? 0 : 2 * LAST_WORDS)
  try {
    const log = await makeLog(document.log ?? {}, process.stdout)
    const gateway = count === 1
      ? new Gateway({ log, extensions })
      : await several({ log, extensions, clock: systemClock, count, stopTimeout: grace + EXIT_WITHIN + LAST_WORDS })
    // Signals may come while it starts: one that nobody hears ends a process.
    const starting = awake(gateway.start(document))
    const afterStart = { reload: async (next: GatewayDocument) => { await starting; await gateway.reload(next) } }
    const reloading = new Reloading({ file, gateway: afterStart, log, clock: systemClock, interval: watch ? INTERVAL : 0, amend, env, extensions })
    process.on('SIGHUP', () => { void reloading.reload() })
    let started = false
    endOnSignal({ signals: ['SIGTERM', 'SIGINT'], within, exit: true, clock: systemClock, log }, async () => {
      reloading.stop()
      // Before that nobody is served, and a start may wait for its targets.
      if (started) await gateway.stop()
    })
    try {
      await starting
    } catch (error) {
      reloading.stop()
      throw error
    }
    started = true
    return []
  } catch (error) {
    const problem = problemOf(error)
    return [problem === undefined ? `${file}: ${(error as Error).message}` : problemText(problem, file)]
  }
}

/** Until somebody listens there may be nothing but timers that keeps the process running. */
async function awake<Result> (doing: Promise<Result>): Promise<Result> {
  const rest = stayAwake()
  try {
    return await doing
  } finally {
    rest()
  }
}

function processes ({ workers = 1 }: GatewayDocument): number {
  return workers === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : workers
}

async function several (options: GatewayPrimaryOptions): Promise<GatewayPrimary> {
  // Whoever imports node:cluster is given its way to listen.
  const { GatewayPrimary } = await import('./primary.js')
  const primary = new GatewayPrimary(options)
  process.once('exit', () => { primary.kill() })
  return primary
}
