import { Child, type ChildOptions } from './child.js'
import type { Gateway, GatewayConfig } from './gateway.js'
import type { GatewayReport, Question, Usage } from './report.js'

export interface BalancerConfig extends GatewayConfig {
  /** Ends on SIGTERM as an app should, within so many milliseconds. Default: as Node does, at once. */
  readonly grace?: number
  /** Whether attempts and changes of health are written down, which takes memory. Default: true. */
  readonly recorded?: boolean
  /** Requests that it is run through with before it is ready. Default: 0. */
  readonly warmUp?: number
}

/** The process of a gateway with the plugin. */
export class Balancer implements Gateway {
  readonly kind = 'fastify-balancer'
  readonly #child: Child
  #url = ''

  private constructor (config: BalancerConfig, options: ChildOptions) {
    this.#child = new Child('gateway-program.ts', config, { ...options, execArgv: ['--import', import.meta.resolve('tsx'), '--expose-gc'] })
  }

  static async start (config: BalancerConfig, options: ChildOptions = {}): Promise<Balancer> {
    const balancer = new Balancer(config, options)
    balancer.#url = String(await balancer.#child.ready())
    return balancer
  }

  get url (): string { return this.#url }
  get running (): boolean { return this.#child.running }

  async report (): Promise<GatewayReport> { return await this.#ask({ ask: 'report' }) as GatewayReport }
  async usage (): Promise<Usage> { return await this.#ask({ ask: 'usage' }) as Usage }
  async add (targets: readonly string[]): Promise<void> { await this.#ask({ ask: 'add', targets }) }
  async remove (targets: readonly string[]): Promise<void> { await this.#ask({ ask: 'remove', targets }) }

  /** Asks it to end; resolves when it is gone. */
  async retire (): Promise<void> { await this.#child.kill('SIGTERM') }
  async end (): Promise<void> { await this.#child.kill('SIGKILL') }

  async #ask (question: Question): Promise<unknown> { return await this.#child.ask(question) }
}
