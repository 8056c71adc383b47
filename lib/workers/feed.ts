import { EventEmitter, once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { Discovery } from '../discovery.js'
import { DrainAsked } from '../health/probe.js'
import type { Tell, Verdicts, Watcher } from '../health/watcher.js'
import type { Target } from '../target.js'
import type { PoolKnowledge, TargetList, Verdict } from './protocol.js'

/** What a worker has been told of one pool, whose health and lists it has from here. */
export class Feed {
  readonly #verdicts: Map<string, Verdict>
  readonly #watchers = new Set<FedWatcher>()
  readonly #lists = new EventEmitter().setMaxListeners(0)
  #targets: TargetList | undefined

  constructor ({ verdicts, targets }: PoolKnowledge = { verdicts: [], targets: undefined }) {
    this.#verdicts = new Map(verdicts)
    this.#targets = targets
  }

  /** Takes the place of a pool's probes. Several pools may use it: in a reload the next one is there before the last one has gone. */
  readonly verdicts: Verdicts = tell => new FedWatcher(tell, this.#verdicts, this.#watchers)

  /** Takes the place of a pool's source of discovery. */
  readonly discovery: Discovery = signal => this.#discovered(signal)

  /** @param news null for a target of which nothing is known any more */
  judged (news: ReadonlyArray<readonly [url: string, verdict: Verdict | null]>): void {
    for (const [url, verdict] of news) {
      if (verdict === null) this.#verdicts.delete(url)
      else this.#verdicts.set(url, verdict)
    }
    for (const watcher of this.#watchers) for (const [url] of news) watcher.heard(url)
  }

  listed (targets: TargetList): void {
    this.#targets = targets
    this.#lists.emit('list')
  }

  async * #discovered (signal: AbortSignal): AsyncGenerator<TargetList> {
    let told: TargetList | undefined
    while (!signal.aborted) {
      if (this.#targets === undefined || this.#targets === told) {
        try {
          await once(this.#lists, 'list', { signal })
        } catch {
          return
        }
      } else {
        told = this.#targets
        yield told
      }
    }
  }
}

/**
 * Tells a pool what somebody else has found out. What nobody knows yet it does not tell: newcomers wait for it. And it tells
 * nothing twice, because a target that is well is forgiven what the breaker holds against it.
 */
class FedWatcher implements Watcher {
  readonly #tell: Tell
  readonly #verdicts: ReadonlyMap<string, Verdict>
  readonly #running: Set<FedWatcher>
  /** By URL; and what the pool believes of each. */
  readonly #watched = new Map<string, { readonly target: Target, believed: Verdict | undefined }>()

  constructor (tell: Tell, verdicts: ReadonlyMap<string, Verdict>, running: Set<FedWatcher>) {
    this.#tell = tell
    this.#verdicts = verdicts
    this.#running = running
  }

  watch (target: Target, up: boolean): void {
    if (this.#watched.get(target.url)?.target === target) return
    this.#watched.set(target.url, { target, believed: up ? 'up' : undefined })
    if (this.#running.has(this)) this.heard(target.url)
  }

  unwatch (target: Target): void {
    if (this.#watched.get(target.url)?.target === target) this.#watched.delete(target.url)
  }

  start (): void {
    this.#running.add(this)
    for (const url of this.#watched.keys()) this.heard(url)
  }

  stop (): void {
    this.#running.delete(this)
  }

  /** There may be news of a target. */
  heard (url: string): void {
    const watched = this.#watched.get(url)
    const verdict = this.#verdicts.get(url)
    if (watched === undefined || verdict === undefined || isDeepStrictEqual(verdict, watched.believed)) return
    watched.believed = verdict
    this.#tell(watched.target, failure(verdict))
  }
}

/** As a prober would tell it. */
export function failure (verdict: Verdict): Error | undefined {
  if (verdict === 'up') return undefined
  return verdict === 'draining' ? new DrainAsked() : new Error(verdict.down)
}
