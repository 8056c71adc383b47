import type { Knowledge, TargetList, ToWorker, Verdict } from './protocol.js'

interface Known {
  readonly verdicts: Map<string, Verdict>
  targets: TargetList | undefined
  /** Targets of which something has changed that the workers have not been told yet. */
  readonly changed: Set<string>
}

/** What the primary knows of every pool: workers are told of changes, and a new one of everything. */
export class Relay {
  readonly #tell: (message: ToWorker) => void
  readonly #pools = new Map<string, Known>()
  #scheduled = false

  /** @param tell sends a message to every worker that has been given the knowledge before */
  constructor (tell: (message: ToWorker) => void) {
    this.#tell = tell
  }

  get knowledge (): Knowledge {
    return [...this.#pools].map(([pool, { verdicts, targets }]) => [pool, { verdicts: [...verdicts], targets }])
  }

  /** @param verdict undefined when nothing is known of the target any more */
  verdict (pool: string, url: string, verdict: Verdict | undefined): void {
    const known = this.#of(pool)
    if (verdict === undefined) known.verdicts.delete(url)
    else known.verdicts.set(url, verdict)
    known.changed.add(url)
    this.#schedule()
  }

  targets (pool: string, targets: TargetList): void {
    this.#of(pool).targets = targets
    this.#tell({ balancer: 'targets', pool, targets })
  }

  /** What is known of a pool is what another source says from now on. */
  replace (pool: string, verdicts: ReadonlyMap<string, Verdict>): void {
    const gone = [...this.#of(pool).verdicts.keys()].filter(url => !verdicts.has(url))
    for (const url of gone) this.verdict(pool, url, undefined)
    for (const [url, verdict] of verdicts) this.verdict(pool, url, verdict)
  }

  /** There is no such pool any more. */
  forget (pool: string): void {
    if (this.#pools.delete(pool)) this.#tell({ balancer: 'forget', pool })
  }

  /** Tells now what would be told in a moment. */
  flush (): void {
    this.#scheduled = false
    for (const [pool, { verdicts, changed }] of this.#pools) {
      if (changed.size === 0) continue
      this.#tell({ balancer: 'verdicts', pool, verdicts: [...changed].map(url => [url, verdicts.get(url) ?? null]) })
      changed.clear()
    }
  }

  #of (pool: string): Known {
    let known = this.#pools.get(pool)
    if (known === undefined) {
      known = { verdicts: new Map(), targets: undefined, changed: new Set() }
      this.#pools.set(pool, known)
    }
    return known
  }

  /** Thousands of targets may be judged at once: one message says it all. */
  #schedule (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => { this.flush() })
  }
}
