import type { FastifyInstance } from 'fastify'
import type { Health, Observer, Outcome, Target, TargetSnapshot } from '../lib/index.js'
import type { AttemptCounts, GatewayReport, HealthChange } from './report.js'

/** Writes down what a pool's observers and the hooks of its routes are told. */
export class Recorder implements Observer {
  #begun = 0
  #retried = 0
  readonly #attempts: Record<string, AttemptCounts> = {}
  readonly #changes: HealthChange[] = []

  constructor (app: FastifyInstance) {
    app.addHook('onRequest', async () => { this.#begun++ })
    app.addHook('onResponse', async request => { this.#retried += Math.max(0, request.attempts.length - 1) })
  }

  /** Forgets the requests so far. */
  reset (): void {
    this.#begun = 0
    this.#retried = 0
  }

  settled ({ url }: Target, { kind }: Outcome): void {
    const counts = this.#attempts[url] ??= { answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0 }
    counts[kind]++
  }

  healthChanged ({ url, health }: Target, _was: Health, reason: string): void {
    this.#changes.push({ at: Date.now(), target: url, to: health, reason })
  }

  report (targets: readonly TargetSnapshot[]): GatewayReport {
    return {
      begun: this.#begun,
      retried: this.#retried,
      attempts: this.#attempts,
      changes: this.#changes,
      inFlight: Object.fromEntries(targets.map(({ url, inFlight }) => [url, inFlight])),
      health: Object.fromEntries(targets.map(({ url, health }) => [url, health]))
    }
  }
}
