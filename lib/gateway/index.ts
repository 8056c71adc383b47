import process from 'node:process'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.js'
import { EXTENSIONS } from './extensions.js'
import { Gateway } from './gateway.js'
import { loadText } from './load.js'
import { makeLog, type LogStream } from './log.js'
import { DocumentError } from './problems.js'
import type { GatewayDocument } from './types.js'

export { Gateway } from './gateway.js'
export { DocumentError, problemText, type Problem } from './problems.js'
export type {
  AdminOptions, DocumentPool, DocumentRoute, GatewayDocument, ListenOptions, ListenTlsOptions, LogOptions
} from './types.js'

export interface GatewayOptions {
  /** What `${NAME}` stands for. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A logger of your own, in place of `log` in the document. Fastify's and pino's are ones. */
  readonly log?: FastifyBaseLogger
  /** Where the lines of the log go. Default: standard output. */
  readonly stream?: LogStream
}

/** A gateway that serves. */
export interface RunningGateway {
  /** Where clients come in, as a URL; empty once it has stopped. */
  readonly address: string
  /** Where `/live`, `/ready` and `/status` are; undefined without `admin`. */
  readonly adminAddress: string | undefined
  /** Every pool of the moment by name. */
  readonly upstreams: Gateway['upstreams']
  /**
   * Takes on another document, all at once or not at all, without losing a request.
   *
   * @throws DocumentError, or what the system says against another listener; then all is as before
   */
  reload (document: string | GatewayDocument): Promise<void>
  /** Closes everything in good order. */
  stop (): Promise<void>
}

/**
 * Starts a gateway from a document, as `fastify-balancer start` does, but without its signals and its watch over a file.
 *
 * @param document YAML or JSON as a text, or what it stands for
 * @throws DocumentError with everything that is wrong with it
 */
export async function gateway (document: string | GatewayDocument, options: GatewayOptions & { readonly clock?: Clock } = {}): Promise<RunningGateway> {
  const { env = process.env, stream = process.stdout, clock } = options
  const checked = async (document: string | GatewayDocument): Promise<GatewayDocument> => {
    // As a text it has lines, and whatever only code can give is told from what is not there.
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    const { checked: { problems, ...result } } = await loadText(text, { env, extensions: EXTENSIONS })
    if (problems !== undefined) throw new DocumentError(problems)
    return (result as { value: GatewayDocument }).value
  }
  const first = await checked(document)
  const log = options.log ?? await makeLog(first.log ?? {}, stream)
  const running = new Gateway({ log, extensions: EXTENSIONS, ...(clock === undefined ? undefined : { clock }) })
  await running.start(first)
  return {
    get address () { return running.address ?? '' },
    get adminAddress () { return running.adminAddress },
    get upstreams () { return running.upstreams },
    async reload (document) { await running.reload(await checked(document)) },
    async stop () { await running.stop() }
  }
}
