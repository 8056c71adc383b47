import type { Target } from '../target.js'
import { FirstProbes } from './first-probes.js'
import { Probing, type ProbingSettings } from './probing.js'
import { Timetable } from './timetable.js'
import type { Watcher } from './watcher.js'

export { DrainAsked, type Probe } from './probe.js'

export type ProberSettings = Omit<ProbingSettings, 'firstProbes' | 'timetable' | 'crowd'>

/** Probes targets for as long as they are watched. */
export class Prober implements Watcher {
  readonly #settings: ProbingSettings
  readonly #watched = new Map<Target, Probing>()
  #running = false

  constructor (settings: ProberSettings) {
    const { clock } = settings
    this.#settings = { ...settings, firstProbes: new FirstProbes(clock), timetable: new Timetable(clock), crowd: () => this.#watched.size }
  }

  /**
   * The first probe starts at once, or with `start`; of very many targets, as soon as those before it are done.
   *
   * @param up what is believed of the target until the probes say otherwise
   * @param proven false for a newcomer: when it is down, its first success brings it up
   */
  watch (target: Target, up: boolean, proven: boolean): void {
    if (this.#watched.has(target)) return
    const probing = new Probing(target, up, proven, this.#settings)
    this.#watched.set(target, probing)
    if (this.#running) probing.start()
  }

  unwatch (target: Target): void {
    this.#watched.get(target)?.stop()
    this.#watched.delete(target)
  }

  start (): void {
    if (this.#running) return
    this.#running = true
    for (const probing of this.#watched.values()) probing.start()
  }

  /** Ends the probes in flight, and every connection. What they found out is kept for the next `start`. */
  stop (): void {
    this.#running = false
    this.#settings.firstProbes.clear()
    for (const probing of this.#watched.values()) probing.stop()
  }
}
