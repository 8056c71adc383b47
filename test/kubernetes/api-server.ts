import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import type { EndpointConditions, EndpointSlice } from '../../lib/kubernetes/endpoint-slice.js'
import { identity, pem } from '../kit/tls/index.js'

const PATH = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/

export interface StoredSlice extends EndpointSlice {
  readonly metadata: { readonly name: string, readonly namespace: string, readonly labels: Record<string, string>, readonly resourceVersion?: string }
}

interface Event {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: StoredSlice
}

interface Watcher {
  readonly response: ServerResponse
  readonly matches: (slice: StoredSlice) => boolean
  readonly bookmarks: boolean
}

/** A request as the server saw it. */
export interface Asked {
  readonly verb: 'list' | 'watch'
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

/**
 * What an API server does with EndpointSlices: one version for all that is stored, a log of changes of which the old end is forgotten,
 * lists in pages that show one moment, and watches that begin at a version and end after a while. Over https, for a bearer token.
 */
export class ApiServer {
  /** In order. */
  readonly asked: Asked[] = []
  readonly token = 'eyJhbGciOiJSUzI1NiJ9.test.signature'
  /** Answers everything with this status instead; undefined answers. */
  refuse: number | undefined
  /** Whether an expired version is a status or, as newer servers do it, an event of a watch that has begun. */
  gone: 'status' | 'event' = 'event'
  /** Never answers anything. */
  hang = false
  /** Whether the pages of the next list that has several expire once the first one is sent. */
  expireNext = false
  /** Most items per page, whatever is asked for. */
  page = Infinity
  /** Milliseconds after which a watch ends; what the client asks for is longer than a test. */
  watchTime = Infinity

  readonly #slices = new Map<string, StoredSlice>()
  readonly #continued = new Map<string, readonly StoredSlice[]>()
  #log: Event[] = []
  /** Of the newest change that has been forgotten. */
  #forgotten = 1000
  #version = 1000
  readonly #watchers = new Set<Watcher>()
  readonly #sockets = new Set<Socket>()
  readonly #secure: boolean
  #server: Server | undefined
  #port = 0

  static async start (t: Test, { secure = true }: { secure?: boolean } = {}): Promise<ApiServer> {
    const api = new ApiServer(secure)
    await api.listen()
    t.teardown(async () => { await api.stop() })
    return api
  }

  private constructor (secure: boolean) {
    this.#secure = secure
  }

  get url (): string { return `${this.#secure ? 'https' : 'http'}://127.0.0.1:${this.#port}` }

  get version (): string { return String(this.#version) }

  get watchers (): number { return this.#watchers.size }

  get connections (): number { return this.#sockets.size }

  verbs (): string[] { return this.asked.map(({ verb }) => verb) }

  /** What a kubeconfig for it says. */
  config (): { clusters: object[], users: object[], contexts: object[], currentContext: string } {
    const trust = this.#secure ? { caData: Buffer.from(pem('ca')).toString('base64'), skipTLSVerify: false } : { skipTLSVerify: true }
    return {
      clusters: [{ name: 'test', server: this.url, ...trust }],
      users: [{ name: 'gateway', token: this.token }],
      contexts: [{ name: 'test', cluster: 'test', user: 'gateway' }],
      currentContext: 'test'
    }
  }

  /** The same, as a file. */
  configFile (): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: this.url, ...(this.#secure ? { 'certificate-authority-data': Buffer.from(pem('ca')).toString('base64') } : { 'insecure-skip-tls-verify': true }) } }],
      users: [{ name: 'gateway', user: { token: this.token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'gateway' } }, { name: 'shop', context: { cluster: 'test', user: 'gateway', namespace: 'shop' } }],
      'current-context': 'test'
    })
  }

  /** Creates or replaces a slice. */
  apply (given: StoredSlice): void {
    const type = this.#slices.has(key(given)) ? 'MODIFIED' : 'ADDED'
    const object = this.#stamped(given)
    this.#slices.set(key(object), object)
    this.#tell({ version: this.#version, type, object })
  }

  delete (name: string, namespace = 'default'): void {
    const was = this.#slices.get(`${namespace}/${name}`)
    if (was === undefined) throw new Error(`no slice ${namespace}/${name}`)
    this.#slices.delete(key(was))
    this.#tell({ version: this.#version + 1, type: 'DELETED', object: this.#stamped(was) })
  }

  /** Changes of other objects, of which watches here learn by bookmarks alone. */
  bookmark (): void {
    this.#version++
    for (const { response, bookmarks } of this.#watchers) {
      if (bookmarks) response.write(line('BOOKMARK', { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata: { resourceVersion: this.version, creationTimestamp: null }, endpoints: null, ports: null, addressType: '' }))
    }
  }

  /** Forgets all changes so far, as etcd does when it compacts. */
  compact (): void {
    this.#log = []
    this.#forgotten = this.#version
  }

  /** Ends every watch as when its time is over. */
  endWatches (): void {
    this.#end()
  }

  /** Sends every watch an error. */
  fail (code: number, reason: string): void {
    this.#end(line('ERROR', status(code, reason, 'something is wrong')))
  }

  /** Sends every watch bytes of the test's own. */
  write (bytes: string): void {
    for (const { response } of this.#watchers) response.write(bytes)
  }

  /** Resets every connection. */
  cut (): void {
    this.#watchers.clear()
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Listens, on the port of before. */
  async listen (): Promise<void> {
    const listener: RequestListener = (request, response) => { this.#answer(request, response) }
    const server = this.#secure ? createTlsServer(identity('server'), listener) : createServer(listener)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => { this.#sockets.delete(socket) })
      socket.on('error', () => {})
    })
    server.on('tlsClientError', () => {})
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** As a process that is killed: the store stays. */
  async stop (): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    this.#watchers.clear()
  }

  #end (last = ''): void {
    for (const { response } of this.#watchers) response.end(last)
    this.#watchers.clear()
  }

  #stamped (slice: StoredSlice): StoredSlice {
    this.#version++
    return { ...structuredClone(slice), metadata: { ...slice.metadata, resourceVersion: this.version } }
  }

  #tell (event: Event): void {
    this.#log.push(event)
    for (const { response, matches } of this.#watchers) if (matches(event.object)) response.write(line(event.type, event.object))
  }

  #answer (request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    const query = Object.fromEntries(searchParams)
    const watch = query['watch'] === 'true'
    this.asked.push({ verb: watch ? 'watch' : 'list', query, headers: request.headers })
    if (this.hang) return
    const refuse = (code: number, reason: string, message: string): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(status(code, reason, message)))
    }
    const [, namespace] = PATH.exec(pathname) ?? []
    if (this.refuse !== undefined) refuse(this.refuse, 'Refused', `refused with ${this.refuse}`)
    else if (request.headers.authorization !== `Bearer ${this.token}`) refuse(401, 'Unauthorized', 'Unauthorized')
    else if (namespace === undefined) refuse(404, 'NotFound', 'the server could not find the requested resource')
    else if (watch) this.#watch(namespace, query, response)
    else this.#list(namespace, query, response, refuse)
  }

  #list (namespace: string, query: Record<string, string>, response: ServerResponse, refuse: (code: number, reason: string, message: string) => void): void {
    const { continue: token = '', limit = '0' } = query
    let [version, slices]: [string, readonly StoredSlice[] | undefined] = [this.version, [...this.#slices.values()].filter(matcher(namespace, query))]
    if (token !== '') {
      slices = this.#continued.get(token)
      this.#continued.delete(token)
      version = token.split('.')[0] ?? ''
      if (slices === undefined) {
        refuse(410, 'Expired', 'The provided continue parameter is too old to display a consistent list result.')
        return
      }
    }
    const size = Number(limit) > 0 ? Math.min(Number(limit), this.page) : Infinity
    const items = slices.slice(0, size)
    const rest = slices.slice(size)
    const next = `${version}.${rest.length}`
    if (rest.length > 0 && !this.expireNext) this.#continued.set(next, rest)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
      kind: 'EndpointSliceList',
      apiVersion: 'discovery.k8s.io/v1',
      metadata: { resourceVersion: version, ...(rest.length > 0 ? { continue: next, remainingItemCount: rest.length } : {}) },
      items: items.length > 0 ? items : null
    }))
  }

  #watch (namespace: string, query: Record<string, string>, response: ServerResponse): void {
    const from = Number(query['resourceVersion'])
    const expired = status(410, 'Expired', `too old resource version: ${from} (${this.#forgotten})`)
    if (from < this.#forgotten && this.gone === 'status') {
      response.writeHead(410, { 'content-type': 'application/json' }).end(JSON.stringify(expired))
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (from < this.#forgotten) {
      response.end(line('ERROR', expired))
      return
    }
    const watcher: Watcher = { response, matches: matcher(namespace, query), bookmarks: query['allowWatchBookmarks'] === 'true' }
    for (const { version, type, object } of this.#log) if (version > from && watcher.matches(object)) response.write(line(type, object))
    this.#watchers.add(watcher)
    const timer = setTimeout(() => {
      this.#watchers.delete(watcher)
      response.end()
    }, Math.min(Number(query['timeoutSeconds']) * 1000, this.watchTime))
    response.on('close', () => {
      clearTimeout(timer)
      this.#watchers.delete(watcher)
    })
  }
}

function key ({ metadata: { namespace, name } }: StoredSlice): string {
  return `${namespace}/${name}`
}

function matcher (namespace: string, { labelSelector = '' }: Record<string, string>): (slice: StoredSlice) => boolean {
  const [label = '', value] = labelSelector.split('=')
  return ({ metadata }) => metadata.namespace === namespace && (label === '' || metadata.labels[label] === value)
}

function line (type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`
}

function status (code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
}

/** A slice of service `users`. */
export function usersSlice (name: string, addresses: ReadonlyArray<string | readonly [string, EndpointConditions]>, port = 8080): StoredSlice {
  const slice: EndpointSlice & Pick<StoredSlice, 'metadata'> & Record<string, unknown> = {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'users' } },
    addressType: 'IPv4',
    endpoints: addresses.map(each => {
      const [address, conditions] = typeof each === 'string' ? [each, { ready: true, serving: true, terminating: false }] : each
      return { addresses: [address], conditions, targetRef: { kind: 'Pod', uid: `pod-${address}` } }
    }),
    ports: [{ name: 'http', port, protocol: 'TCP' }]
  }
  return slice
}
