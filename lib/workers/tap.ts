import { DrainAsked } from '../health/probe.js'
import type { Tell, Verdicts, Watcher } from '../health/watcher.js'
import type { Target } from '../target.js'
import { failure } from './feed.js'
import type { Verdict } from './protocol.js'

/** Stands between a pool and its probes, and keeps what they find out. */
export class Tap {
  /** By URL; without those that have yet to pass their first probe. */
  readonly verdicts = new Map<string, Verdict>()
  /** By URL: one may come before the one that it replaces has left. */
  readonly #watched = new Map<string, Target>()
  readonly #inherited: Map<string, Verdict>
  readonly #changed: (url: string, verdict: Verdict | undefined) => void

  /**
   * @param inherited what an earlier pool has found out about the same targets, so that nobody has to find it out again
   * @param changed undefined for a target that has left
   */
  constructor (inherited: ReadonlyMap<string, Verdict>, changed: (url: string, verdict: Verdict | undefined) => void) {
    this.#inherited = new Map(inherited)
    this.#changed = changed
  }

  /** What `verdicts` makes, listened in to. */
  into (verdicts: Verdicts): Verdicts {
    return tell => {
      const watcher = verdicts((target, down) => {
        if (this.#watched.get(target.url) === target) this.#keep(target.url, verdictOf(down))
        tell(target, down)
      })
      return {
        watch: (target, up, proven) => { this.#watch(watcher, tell, target, up, proven) },
        unwatch: target => {
          watcher.unwatch(target)
          if (this.#watched.get(target.url) !== target) return
          this.#watched.delete(target.url)
          this.#keep(target.url, undefined)
        },
        start: () => { watcher.start() },
        stop: () => { watcher.stop() }
      }
    }
  }

  #watch (watcher: Watcher, tell: Tell, target: Target, up: boolean, proven: boolean): void {
    const known = this.#inherited.get(target.url)
    this.#inherited.delete(target.url)
    this.#watched.set(target.url, target)
    if (known === undefined) {
      watcher.watch(target, up, proven)
      this.#keep(target.url, up ? 'up' : undefined)
      return
    }
    watcher.watch(target, known === 'up', true)
    this.#keep(target.url, known)
    if (known !== 'up' || !up) tell(target, failure(known))
  }

  #keep (url: string, verdict: Verdict | undefined): void {
    if (verdict === undefined) this.verdicts.delete(url)
    else this.verdicts.set(url, verdict)
    this.#changed(url, verdict)
  }
}

function verdictOf (down: Error | undefined): Verdict {
  if (down === undefined) return 'up'
  return down instanceof DrainAsked ? 'draining' : { down: down.message }
}
