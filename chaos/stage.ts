import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { Balancer, type BalancerConfig } from './balancer.js'
import type { ChildOptions } from './child.js'
import type { Gateway, GatewayConfig, GatewayKind } from './gateway.js'
import { Load, type LoadPlan } from './load.js'
import { startOther } from './others.js'
import { Upstream, type UpstreamConfig } from './upstream.js'

/** After so many requests most of what they run through has been compiled. */
const WARM_UP = 2000

export interface StageOptions {
  readonly kind?: GatewayKind
  /** Whether seconds matter more than what a longer run would show. Default: false. */
  readonly short?: boolean
  /** Whether gateways get up to speed before they are used. Default: true. */
  readonly warm?: boolean
}

/** Where one scenario plays, once: everything that it starts is gone at the end. */
export class Stage {
  readonly kind: GatewayKind
  readonly short: boolean
  readonly #warm: boolean
  readonly #ends: Array<() => Promise<void>> = []

  constructor ({ kind = 'fastify-balancer', short = false, warm = true }: StageOptions) {
    this.kind = kind
    this.short = short
    this.#warm = warm
  }

  /** Requests per second, unless a scenario needs another rate. A short run may have to share the machine. */
  get rate (): number { return this.short ? 100 : 250 }

  async upstream (config: UpstreamConfig = {}): Promise<Upstream> {
    const upstream = new Upstream(config)
    this.#ends.push(async () => { await upstream.kill() })
    await upstream.start()
    return upstream
  }

  /** Named a, b and c unless there are other names. */
  async upstreams (config: UpstreamConfig = {}, names: readonly string[] = ['a', 'b', 'c']): Promise<readonly Upstream[]> {
    return await Promise.all(names.map(async name => await this.upstream({ ...config, name })))
  }

  /** The gateway whose turn it is. */
  async gateway (config: GatewayConfig): Promise<Gateway> {
    if (this.kind === 'fastify-balancer') return await this.balancer(config)
    const gateway = await startOther(this.kind, config)
    this.#ends.push(async () => { await gateway.end() })
    return gateway
  }

  async balancer (config: BalancerConfig, options?: ChildOptions): Promise<Balancer> {
    const balancer = await Balancer.start({ warmUp: this.#warm ? WARM_UP : 0, ...config }, options)
    this.#ends.push(async () => { await balancer.end() })
    return balancer
  }

  load (gateway: Gateway, plan: LoadPlan): Load {
    const load = new Load(gateway.url, plan)
    this.#ends.push(async () => { load.stop() })
    return load
  }

  /** A server of this process. */
  async server (server: Server): Promise<string> {
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => { sockets.delete(socket) })
      // Resets are part of the play.
      socket.on('error', () => {})
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#ends.push(async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** A server of bytes: `script` plays every connection. */
  async scripted (script: (socket: Socket) => void): Promise<string> {
    return await this.server(createServer(script))
  }

  /** Something that is to be over at the end. */
  atEnd (end: () => Promise<void>): void { this.#ends.push(end) }

  /** Last things first. */
  async end (): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}
