import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.js'
import { watch } from '../watch.js'
import type { Gateway } from './gateway.js'
import { load, type Loaded, type LoadSettings } from './load.js'
import type { Problem } from './problems.js'
import type { GatewayDocument } from './types.js'

export interface ReloadSettings extends LoadSettings {
  readonly file: string
  readonly gateway: Pick<Gateway, 'reload'>
  readonly log: FastifyBaseLogger
  readonly clock: Clock
  /** Milliseconds from one look at the file to the next; 0 does not look. */
  readonly interval: number
  /** What the command line has to say. */
  readonly amend: (document: GatewayDocument) => GatewayDocument
}

/** Has a gateway take on what its file says, when it has changed and when it is told to. */
export class Reloading {
  readonly #settings: ReloadSettings
  readonly #stop: () => void
  #reloading: Promise<void> | undefined
  #again = false

  constructor (settings: ReloadSettings) {
    this.#settings = settings
    const { file, clock, interval } = settings
    this.#stop = interval === 0 ? () => {} : watch({ clock, interval, files: [file], changed: async () => { await this.reload() } })
  }

  /** Reads the file. What is asked for meanwhile is one more time. Never rejects: what can not be used is logged, and changes nothing. */
  async reload (): Promise<void> {
    this.#again = this.#reloading !== undefined
    this.#reloading ??= this.#reload().finally(() => { this.#reloading = undefined })
    await this.#reloading
  }

  stop (): void { this.#stop() }

  async #reload (): Promise<void> {
    const { file, gateway, amend } = this.#settings
    do {
      this.#again = false
      let problemOf: Loaded['problemOf'] = () => undefined
      try {
        const loaded = await load(file, this.#settings)
        problemOf = loaded.problemOf
        if (loaded.checked.problems === undefined) await gateway.reload(amend(loaded.checked.value))
        else this.#reject(loaded.checked.problems)
      } catch (error) {
        this.#reject([problemOf(error) ?? { path: '', line: undefined, column: undefined, message: (error as Error).message }])
      }
    } while (this.#again)
  }

  #reject (problems: readonly Problem[]): void {
    const { log, file } = this.#settings
    for (const { line, column, path, message } of problems) {
      log.error({ file, line, column, path, reason: message }, 'the configuration was rejected: the one before stays in effect')
    }
  }
}
