import { noTimer, type Clock } from '../clock.js'
import { NoWorkerError } from '../errors.js'
import type { PoolLogger } from '../pool.js'
import type { Knowledge, ToWorker } from './protocol.js'
import { Restarts } from './restarts.js'
import { WorkerProcess, type WorkerEvents, type WorkerState } from './worker-process.js'

export interface SupervisorSettings {
  readonly count: number
  readonly log: PoolLogger
  readonly clock: Clock
  /** Milliseconds in which a worker must become ready. */
  readonly startTimeout: number
  /** Milliseconds in which it must end when it has been told to. */
  readonly stopTimeout: number
  /** Whether there is one more process, to take the place of one that ends. */
  readonly spare: boolean
  knowledge (): Knowledge
  /** What workers run with, and its number. */
  configuration (): { readonly value: unknown, readonly version: number }
  /** A worker serves; it may be with a configuration that has been replaced meanwhile. */
  ready (worker: WorkerProcess): void
}

/** A worker as seen from outside. */
export interface WorkerStatus {
  /** 1 and on; a worker that takes the place of another has its number. */
  readonly id: number
  readonly pid: number | undefined
  readonly state: WorkerState
  /** How often it has been started again. */
  readonly restarts: number
  /** Milliseconds that it has served for. */
  readonly served: number
}

/** A place for one worker after another. */
interface Slot {
  readonly id: number
  readonly restarts: Restarts
  worker: WorkerProcess | undefined
  started: number
  cancel: () => void
}

/** Starts that have to fail, if there are fewer workers than that, before it is given up. */
const TRIES = 3

/**
 * Keeps `count` workers running, until it is told to stop or none of them has ever been able to start.
 *
 * Most of what a worker needs to start is for loading its program. Once all are there, one more process does that and waits, to take
 * the place of the first that ends.
 */
export class Supervisor {
  readonly #settings: SupervisorSettings
  readonly #slots: readonly Slot[]
  readonly #spare: Slot
  #everReady = false
  #failedStarts = 0
  #stopping = false
  #failed = false
  #begun: { resolve (): void, reject (error: Error): void } | undefined
  #ended: (() => void) | undefined

  constructor (settings: SupervisorSettings) {
    this.#settings = settings
    const { count, clock } = settings
    const slot = (id: number): Slot => ({ id, restarts: new Restarts(clock), worker: undefined, started: 0, cancel: noTimer })
    this.#slots = Array.from({ length: count }, (_, i) => slot(i + 1))
    this.#spare = slot(0)
  }

  /** Resolves when every place has a worker that serves, or is told to stop before; rejects when none can. */
  async start (): Promise<void> {
    const begun = new Promise<void>((resolve, reject) => { this.#begun = { resolve, reject } })
    for (const slot of this.#slots) this.#fill(slot)
    await begun
  }

  get status (): readonly WorkerStatus[] {
    return this.#slots.map(({ id, worker, started }) => ({
      id, pid: worker?.pid, state: worker?.state ?? 'ended', restarts: started - 1, served: worker?.served ?? 0
    }))
  }

  /** Whether a process has loaded its program, warmed up, and waits to take the place of one that ends. */
  get hasSpare (): boolean { return this.#spare.worker?.warm === true }

  get ready (): readonly WorkerProcess[] {
    return this.#slots.flatMap(({ worker }) => worker?.state === 'ready' ? [worker] : [])
  }

  /** Tells everyone who has been given what was known before. */
  tell (message: ToWorker): void {
    for (const { worker } of this.#slots) if (worker?.introduced === true) worker.send(message)
  }

  /** Those that wait to be started again need not wait any longer. */
  hurry (): void {
    for (const slot of this.#slots) {
      if (slot.worker !== undefined || this.#stopping) continue
      slot.cancel()
      this.#fill(slot)
    }
  }

  /** Resolves when every worker has ended, with whether all have done so in good order. */
  async stop (): Promise<boolean> {
    this.#stopping = true
    this.#begun?.resolve()
    const { clock, stopTimeout } = this.#settings
    for (const { worker, cancel } of this.#all) {
      cancel()
      // One that has not been started has nothing to bring to an end.
      if (worker?.introduced === true) worker.stop()
      else worker?.kill()
    }
    const cancel = clock.after(stopTimeout, () => { this.kill(`did not stop within ${stopTimeout} ms`) })
    await new Promise<void>(resolve => {
      this.#ended = resolve
      this.#checkEnded()
    })
    cancel()
    return !this.#failed
  }

  /** Ends every worker at once. */
  kill (reason?: string): void {
    for (const { worker } of this.#all) worker?.kill(reason)
  }

  get #all (): readonly Slot[] { return [...this.#slots, this.#spare] }

  /** With the spare worker, if there is one, or a new one. */
  #fill (slot: Slot): void {
    const { clock, startTimeout } = this.#settings
    const spare = this.#spare
    const worker = spare.worker ?? new WorkerProcess(slot.id, clock, this.#events())
    if (worker === spare.worker) {
      spare.cancel()
      spare.worker = undefined
    }
    worker.id = slot.id
    slot.worker = worker
    slot.started++
    slot.cancel = clock.after(startTimeout, () => { worker.kill(`not ready within ${startTimeout} ms`) })
    if (worker.loaded && slot !== spare) this.#introduce(worker)
  }

  #introduce (worker: WorkerProcess): void {
    const { count, stopTimeout, knowledge, configuration } = this.#settings
    const { value, version } = configuration()
    worker.version = version
    worker.introduced = true
    worker.send({ balancer: 'start', id: worker.id, count, stopTimeout, configuration: value, knowledge: knowledge() })
  }

  /** Not while others are starting: they would only have to share the processor with it. */
  #fillSpare (): void {
    if (this.#settings.spare && !this.#stopping && this.#spare.worker === undefined && this.ready.length === this.#slots.length) this.#fill(this.#spare)
  }

  #events (): WorkerEvents {
    const { log, ready } = this.#settings
    const slotOf = (worker: WorkerProcess): Slot => this.#slots.find(slot => slot.worker === worker) ?? this.#spare
    return {
      hello: worker => {
        const slot = slotOf(worker)
        if (slot === this.#spare) {
          slot.cancel()
          worker.send({ balancer: 'warm' })
        } else this.#introduce(worker)
      },
      ready: worker => {
        slotOf(worker).cancel()
        this.#everReady = true
        log.info({ worker: worker.id, workerPid: worker.pid }, 'worker is ready')
        ready(worker)
        if (this.ready.length === this.#slots.length) this.#begun?.resolve()
        this.#fillSpare()
      },
      ended: (worker, code, signal) => {
        const slot = slotOf(worker)
        slot.cancel()
        slot.cancel = noTimer
        slot.worker = undefined
        this.#endedOne(slot, worker, code, signal)
      },
      confused: (worker, error) => { log.error({ worker: worker.id, workerPid: worker.pid, err: error }, 'worker sent a message that is not one') }
    }
  }

  #endedOne (slot: Slot, worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { log, clock } = this.#settings
    const { reason, served } = worker
    const fields = { worker: worker.id, workerPid: worker.pid, code, signal, ...(reason === undefined ? undefined : { reason }) }
    if (this.#stopping) {
      const orderly = code === 0 || !worker.introduced
      if (!orderly) this.#failed = true
      if (orderly) log.info(fields, 'worker has stopped')
      else log.warn(fields, 'worker has stopped, but not in good order')
      this.#checkEnded()
      return
    }
    if (worker.readyAt === undefined) this.#failedStarts++
    if (!this.#everReady && this.#failedStarts >= Math.max(TRIES, this.#slots.length)) {
      log.error(fields, 'no worker can start: given up')
      this.#begun?.reject(NoWorkerError(reason ?? signal ?? `exit code ${code}`))
      return
    }
    const wait = Math.round(slot.restarts.next(served))
    log.warn({ ...fields, served: Math.round(served), wait }, 'worker has ended: another takes its place')
    const fill = (): void => {
      if (slot === this.#spare) this.#fillSpare()
      else this.#fill(slot)
    }
    if (wait === 0) fill()
    else slot.cancel = clock.after(wait, fill)
  }

  #checkEnded (): void {
    if (this.#all.every(({ worker }) => worker === undefined)) this.#ended?.()
  }
}
