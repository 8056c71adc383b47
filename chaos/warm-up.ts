import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { Pool } from 'undici'
import balancer from '../lib/index.js'

const PREFIX = '/warm-up'

const AT_ONCE = 20

/**
 * A process that has just started takes ten times as long for a request as it will. What is to be seen here is what a fault
 * costs and not what a start costs, so the code is run through beforehand, by way of a pool that is gone afterwards.
 */
export class WarmUp {
  readonly #app: FastifyInstance
  readonly #upstream = createServer((_, response) => { response.end('warm') })

  constructor (app: FastifyInstance) {
    this.#app = app
  }

  async register (): Promise<void> {
    this.#upstream.listen(0, '127.0.0.1')
    await once(this.#upstream, 'listening')
    const { port } = this.#upstream.address() as AddressInfo
    await this.#app.register(balancer, { prefix: PREFIX, name: 'warm-up', targets: [`http://127.0.0.1:${port}`] })
  }

  /**
   * @param url where the app listens
   * @param requests how many to run through it
   */
  async run (url: string, requests: number): Promise<void> {
    const client = new Pool(url, { connections: AT_ONCE })
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, lane) => {
      for (let number = lane; number < requests; number += AT_ONCE) {
        const { body } = await client.request({ path: PREFIX, method: number % 4 === 0 ? 'POST' : 'GET', body: number % 4 === 0 ? 'x' : null })
        await body.dump()
      }
    }))
    await client.destroy()
    await this.#app.upstreams['warm-up']?.destroy()
    this.#upstream.close()
    this.#upstream.closeAllConnections()
    await once(this.#upstream, 'close')
    while (await connections(this.#app.server) > 0) await turn()
  }
}

async function connections (server: Server): Promise<number> {
  return await promisify(server.getConnections.bind(server))()
}
