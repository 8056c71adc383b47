import type { DiscoveryV1Api, KubeConfig, RequestContext } from '@kubernetes/client-node'
import { jittered, type Clock } from '../clock.js'
import type { EndpointSlice } from './endpoint-slice.js'
import type { KubernetesOptions } from './options.js'

type Client = typeof import('@kubernetes/client-node')
type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>

/** Gets the client; it is heavy, and only there for those who use it. */
export type Load = () => Promise<Client>

/** A line of a watch. Of an error the object is a `Status`. */
export interface WatchEvent {
  readonly type: string
  readonly object: EndpointSlice
}

/** An error of the API server, or on the way to it. */
export class ApiError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined

  constructor (message: string, status: number | undefined, cause: unknown) {
    super(message, { cause })
    this.status = status
  }
}

/** Slices per page, as client-go asks for. A slice has up to 1,000 endpoints. */
const PAGE = 500

/** Milliseconds for a page of a list. The client has a limit of its own for watches, the same. */
const LIST_TIMEOUT = 30_000

/** Seconds after which the server is to end a watch, ± a third: five to ten minutes, as for client-go. */
const WATCH_SECONDS = 450

/** The EndpointSlices of one service, by the calls of the real client. */
export class SliceApi {
  readonly #client: Client
  readonly #config: KubeConfig
  readonly #server: string
  readonly #namespace: string
  readonly #selector: string
  readonly #what: string
  readonly #clock: Clock

  /** @throws Error when the client or its configuration can not be loaded, saying what to do */
  static async connect (options: KubernetesOptions, clock: Clock, load: Load): Promise<SliceApi> {
    return new SliceApi(await loaded(load), options, clock)
  }

  private constructor (client: Client, options: KubernetesOptions, clock: Clock) {
    this.#client = client
    this.#config = configOf(client, options)
    const cluster = this.#config.getCurrentCluster()
    if (cluster === null) throw new Error(`kubernetes.context: '${this.#config.getCurrentContext()}' is not in the kubeconfig, or its cluster is not`)
    this.#server = cluster.server
    this.#namespace = options.namespace ?? this.#config.getContextObject(this.#config.getCurrentContext())?.namespace ?? 'default'
    this.#selector = `kubernetes.io/service-name=${options.service}`
    this.#what = `EndpointSlices of ${this.#namespace}/${options.service} at ${this.#server}`
    this.#clock = clock
  }

  /**
   * All of them, as they are now: without a version, a list is never older than one that was read before.
   *
   * @throws ApiError
   */
  async list (signal: AbortSignal): Promise<{ readonly slices: readonly EndpointSlice[], readonly version: string }> {
    const slices: EndpointSlice[] = []
    let limit: number | undefined = PAGE
    let next: string | undefined
    for (;;) {
      try {
        const { items, metadata } = await this.#page(limit, next, signal)
        slices.push(...items as EndpointSlice[] ?? [])
        next = metadata?._continue
        if (next !== undefined && next !== '') continue
        if (metadata?.resourceVersion === undefined) throw new Error('the answer has no resourceVersion')
        return { slices, version: metadata.resourceVersion }
      } catch (error) {
        const failure = this.#failure('list', error)
        if (failure.status !== 410 || next === undefined) throw failure
        // The other pages have expired. Their next edition would not fit the pages that we have: once more, in one piece.
        slices.length = 0
        limit = next = undefined
      }
    }
  }

  async #page (limit: number | undefined, next: string | undefined, signal: AbortSignal): Promise<Awaited<ReturnType<DiscoveryV1Api['listNamespacedEndpointSlice']>>> {
    const { DiscoveryV1Api, ServerConfiguration, createConfiguration } = this.#client
    const ending = new AbortController()
    const cancel = this.#clock.after(LIST_TIMEOUT, () => { ending.abort(new Error(`no answer within ${LIST_TIMEOUT} ms`)) })
    const call = new Call(this.#config, AbortSignal.any([signal, ending.signal]))
    try {
      const configuration = createConfiguration({ baseServer: new ServerConfiguration(this.#server, {}), authMethods: { default: call } })
      return await new DiscoveryV1Api(configuration).listNamespacedEndpointSlice({
        namespace: this.#namespace,
        labelSelector: this.#selector,
        ...(limit === undefined ? {} : { limit }),
        ...(next === undefined ? {} : { _continue: next })
      })
    } finally {
      cancel()
      call.end()
    }
  }

  /**
   * What happens after `version`, in batches of what has come in since the one before. Ends when the connection does, in whatever
   * way: nothing is lost by that, for a new watch goes on from the last version.
   *
   * @throws ApiError when no watch can be begun
   */
  async * watch (version: string, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[], void> {
    if (signal.aborted) return
    const call = new Call(this.#config, signal)
    const events: WatchEvent[] = []
    let ended: { readonly error: unknown } | undefined
    let wake = (): void => {}
    const end = (error: unknown): void => {
      ended ??= { error }
      wake()
    }
    const aborted = new Promise<undefined>(resolve => {
      signal.addEventListener('abort', () => {
        end(undefined)
        resolve(undefined)
      }, { signal: call.signal })
    })
    const connecting = this.#open(call, version, (type, object) => {
      // A version is only gone past with its event: whatever comes after the end will come again.
      if (ended !== undefined) return
      events.push({ type, object })
      wake()
    }, end)
    try {
      await Promise.race([connecting, aborted])
      if (ended?.error != null) throw ended.error
    } catch (error) {
      throw this.#failure('watch', error)
    } finally {
      if (ended !== undefined) call.end(connecting)
    }
    try {
      for (;;) {
        if (events.length > 0) yield events.splice(0)
        else if (ended !== undefined) return
        else await new Promise<void>(resolve => { wake = resolve })
      }
    } finally {
      call.end(connecting)
    }
  }

  async #open (call: Call, version: string, event: (type: string, object: EndpointSlice) => void, end: (error: unknown) => void): Promise<AbortController> {
    return await new this.#client.Watch(call as unknown as KubeConfig).watch(`/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(this.#namespace)}/endpointslices`, {
      labelSelector: this.#selector,
      resourceVersion: version,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(jittered(this.#clock, WATCH_SECONDS, 1 / 3))
    }, event, end)
  }

  #failure (verb: string, error: unknown): ApiError {
    const { code, statusCode, body, message, cause } = error as Error & { code?: unknown, statusCode?: number, body?: unknown }
    const status = [statusCode, code].find(isHttpStatus)
    const reason = status === undefined
      ? [(cause as NodeJS.ErrnoException | undefined)?.message, (cause as NodeJS.ErrnoException | undefined)?.code, message].find(Boolean)
      : [status, statusMessage(body) ?? (statusCode === undefined ? undefined : message), ADVICE[status]].filter(Boolean).join(', ')
    return new ApiError(`${verb} ${this.#what}: ${reason}`, status, error)
  }
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'the credentials are not valid',
  403: 'a Role must allow list and watch of endpointslices in discovery.k8s.io',
  404: 'Kubernetes 1.21 or newer has discovery.k8s.io/v1'
}

/** The code of a system error is a text, and that of a DOMException a small number. */
function isHttpStatus (code: unknown): code is number {
  return typeof code === 'number' && code >= 400
}

/** What the server says in a `Status`. */
function statusMessage (body: unknown): string | undefined {
  try {
    const { message } = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

/**
 * The credentials for one request, and its end. The client makes a dispatcher for every request and closes none, and a watch that is
 * being opened takes no signal; both end with the dispatcher.
 */
class Call {
  readonly #config: KubeConfig
  readonly #signal: AbortSignal
  readonly #over = new AbortController()
  #dispatcher: Dispatcher | undefined

  constructor (config: KubeConfig, signal: AbortSignal) {
    this.#config = config
    this.#signal = signal
  }

  /** Aborted when the call is over. */
  get signal (): AbortSignal { return this.#over.signal }

  getCurrentCluster (): ReturnType<KubeConfig['getCurrentCluster']> { return this.#config.getCurrentCluster() }

  getName (): string { return this.#config.getName() }

  async applySecurityAuthentication (context: RequestContext): Promise<void> {
    await this.#config.applySecurityAuthentication(context)
    context.setHeaderParam('User-Agent', 'fastify-balancer')
    context.setSignal(this.#signal)
    this.#dispatcher = context.getDispatcher()
    if (this.#over.signal.aborted) this.#destroy()
  }

  /** @param connecting a watch that may yet come to be, which is then ended as well */
  end (connecting?: Promise<AbortController>): void {
    this.#over.abort()
    this.#destroy()
    connecting?.then(controller => { controller.abort() }, () => {})
  }

  #destroy (): void {
    this.#dispatcher?.destroy().catch(() => {})
  }
}

async function loaded (load: Load): Promise<Client> {
  try {
    return await load()
  } catch (error) {
    if (isMissing(error)) throw new Error("discovery from Kubernetes needs @kubernetes/client-node: npm install '@kubernetes/client-node@2'", { cause: error })
    throw new Error(`@kubernetes/client-node can not be loaded: ${(error as Error).message}; version 2 needs Node 22.19 or newer, this is ${process.version}`, { cause: error })
  }
}

function isMissing (error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes('@kubernetes/')
}

function configOf (client: Client, { kubeconfig, context }: KubernetesOptions): KubeConfig {
  const config = typeof kubeconfig === 'object' ? kubeconfig as unknown as KubeConfig : new client.KubeConfig()
  if (typeof kubeconfig === 'string') {
    try {
      config.loadFromFile(kubeconfig)
    } catch (error) {
      throw new Error(`kubernetes.kubeconfig: '${kubeconfig}' can not be read: ${(error as Error).message}`, { cause: error })
    }
  } else if (kubeconfig === undefined) {
    config.loadFromDefault()
    // What the client falls back on. Nobody listens there, and http is refused in words that do not help.
    if (config.getCurrentCluster()?.server === 'http://localhost:8080') {
      throw new Error('kubernetes.kubeconfig: missing, and there is no $KUBECONFIG, no ~/.kube/config and no service account of a pod')
    }
  }
  if (context !== undefined) config.setCurrentContext(context)
  return config
}
