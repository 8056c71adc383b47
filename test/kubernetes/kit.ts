import './older-node.js'
import { KubeConfig } from '@kubernetes/client-node'
import type { Test } from 'tap'
import { sleep, systemClock } from '../../lib/clock.js'
import type { DiscoveredTarget, Discovery } from '../../lib/discovery.js'
import { kubernetes, type KubernetesOptions } from '../../lib/kubernetes/index.js'
import { until } from '../kit/index.js'
import type { ApiServer } from './api-server.js'

/** What others do on this machine must not fail a test. */
export const PATIENCE = 30_000

export function configOf (api: ApiServer): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions(api.config())
  return config
}

/** The source for service `users` of this server. */
export function users (api: ApiServer, options: Partial<KubernetesOptions> = {}): Discovery {
  return kubernetes({ service: 'users', kubeconfig: configOf(api), ...options })
}

/** Everything that a source has said, and what it has failed with; it is asked again after a failure, as by a pool. */
export class Heard {
  readonly lists: Array<ReadonlyArray<string | DiscoveredTarget>> = []
  readonly errors: Error[] = []
  readonly #over: Promise<void>
  readonly #end = new AbortController()

  constructor (t: Test, source: Discovery) {
    this.#over = this.#hear(source)
    t.teardown(async () => { await this.end() })
  }

  get hosts (): string[] {
    return (this.lists.at(-1) ?? []).map(target => new URL(typeof target === 'string' ? target : target.url).hostname)
  }

  async has (...hosts: string[]): Promise<void> {
    const wanted = hosts.join()
    await until(() => this.lists.length > 0 && this.hosts.join() === wanted, PATIENCE)
  }

  /** Resolves when the source has ended, which it does by its signal. */
  async end (): Promise<void> {
    this.#end.abort()
    await this.#over
  }

  async #hear (source: Discovery): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      try {
        for await (const list of source(signal)) this.lists.push(list)
      } catch (error) {
        this.errors.push(error as Error)
      }
      await sleep(systemClock, 50, signal)
    }
  }
}
