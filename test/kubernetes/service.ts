import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { SliceEndpoint } from '../../lib/kubernetes/endpoint-slice.js'
import { usersSlice, type ApiServer } from './api-server.js'

/** Endpoints per slice; the control plane puts 100 into one. */
const PER_SLICE = 3

interface Pod {
  readonly name: string
  readonly address: string
  readonly server: Server
  state: 'starting' | 'ready' | 'terminating' | 'stopped'
}

/**
 * Service `users` and its pods: servers on addresses of loopback, all on one port as in a cluster, and the slices that the control plane
 * writes of them. A pod that terminates still serves for a while, as with a `preStop` hook, then ends what it has begun, and is gone.
 */
export class Service {
  readonly pods = new Map<string, Pod>()
  /** Requests by pod. */
  readonly hits = new Map<string, number>()
  readonly #t: Test
  readonly #api: ApiServer
  readonly #written = new Map<string, string>()
  #port = 0
  #next = 0

  constructor (t: Test, api: ApiServer) {
    this.#t = t
    this.#api = api
  }

  /** Addresses of those that are ready, sorted. */
  get ready (): string[] {
    return [...this.pods.values()].filter(({ state }) => state === 'ready').map(({ address }) => address).sort()
  }

  /** Starts so many pods; each is in a slice before it is ready. */
  async start (count: number): Promise<string[]> {
    const pods: Pod[] = []
    for (let i = 0; i < count; i++) pods.push(await this.#start())
    for (const pod of pods) {
      pod.state = 'ready'
      this.#write()
    }
    return pods.map(({ name }) => name)
  }

  /** Deletes pods, as a scale down does; resolves when they are gone. */
  async terminate (names: readonly string[], preStop = 300): Promise<void> {
    await Promise.all(names.map(async name => {
      const pod = this.pods.get(name)
      if (pod === undefined) throw new Error(`no pod ${name}`)
      pod.state = 'terminating'
      this.#write()
      await new Promise(resolve => { setTimeout(resolve, preStop) })
      const closed = once(pod.server, 'close')
      pod.server.close()
      pod.server.closeIdleConnections()
      pod.state = 'stopped'
      this.#write()
      await closed
      this.pods.delete(name)
      this.#write()
    }))
  }

  async #start (): Promise<Pod> {
    const name = `users-${this.#next++}`
    const address = `127.0.1.${this.#next}`
    const server = createServer((request, response) => {
      this.hits.set(name, (this.hits.get(name) ?? 0) + 1)
      request.resume()
      // Long enough for something to be under way whenever a pod is told to go.
      setTimeout(() => {
        response.writeHead(200, server.listening ? {} : { connection: 'close' }).end(name)
      }, 10)
    })
    server.listen(this.#port, address)
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    const pod: Pod = { name, address, server, state: 'starting' }
    this.pods.set(name, pod)
    this.#write()
    return pod
  }

  /** Writes the slices that have changed: full ones first, so that an endpoint that moves is in two of them for a moment. */
  #write (): void {
    const endpoints = [...this.pods.values()].map(({ name, address, state }): SliceEndpoint => ({
      addresses: [address],
      conditions: { ready: state === 'ready', serving: state === 'ready' || state === 'terminating', terminating: state === 'terminating' || state === 'stopped' },
      targetRef: { uid: `uid-of-${name}` }
    }))
    const slices = Math.max(1, Math.ceil(endpoints.length / PER_SLICE))
    for (let i = 0; i < slices; i++) {
      const name = `users-slice-${i}`
      const slice = { ...usersSlice(name, [], this.#port), endpoints: endpoints.slice(i * PER_SLICE, (i + 1) * PER_SLICE) }
      const text = JSON.stringify(slice)
      if (this.#written.get(name) === text) continue
      this.#written.set(name, text)
      this.#api.apply(slice)
    }
    for (const name of [...this.#written.keys()].filter(name => Number(name.split('-').at(-1)) >= slices)) {
      this.#written.delete(name)
      this.#api.delete(name)
    }
  }
}
