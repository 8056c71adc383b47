import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SecureContext } from 'node:tls'
import type { Clock } from './clock.js'
import type { TlsSettings } from './connector.js'
import { BadOptionError } from './errors.js'
import { codeOf, stateOf } from './file-state.js'
import { badPem, secureContext, type Pem, type PemSource } from './pem.js'

/** How TLS connections to upstreams are made. Certificates are always verified unless told otherwise. */
export interface TlsOptions {
  /** Certificate authorities to trust, as PEM, instead of Node's. */
  readonly ca?: string | Buffer | ReadonlyArray<string | Buffer>
  /** Path of a file with the authorities, or a list of paths, in place of `ca`. */
  readonly caFile?: string | readonly string[]
  /** The gateway's own certificate, as PEM, for mutual TLS. Certificates between it and its authority come after it. */
  readonly cert?: string | Buffer
  /** Path of a file with the certificate, in place of `cert`. */
  readonly certFile?: string
  /** The private key of the certificate, as PEM. */
  readonly key?: string | Buffer
  /** Path of a file with the private key, in place of `key`. */
  readonly keyFile?: string
  /** What the private key is encrypted with. Default: it is not. */
  readonly passphrase?: string
  /** Milliseconds from one look at the files to the next; 0 never looks again. Default: 10000. */
  readonly reloadInterval?: number
  /** Server name to ask for and to verify. Default: the target's host name. */
  readonly servername?: string
  /** `false` accepts any certificate. Default: true. */
  readonly rejectUnauthorized?: boolean
}

/** What the pool says about its TLS, and where. */
interface TlsLog {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

const ROLES = ['ca', 'cert', 'key'] as const

/**
 * The TLS settings of one pool. Files are read at once; while started, it looks at them every `reloadInterval`. What is
 * new and good is for connections from then on, what is bad changes nothing.
 */
export class Tls implements TlsSettings {
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean
  readonly #pool: string
  readonly #log: TlsLog
  readonly #clock: Clock
  readonly #interval: number
  readonly #passphrase: string | undefined
  readonly #sources: ReadonlyArray<PemSource | Pem>
  readonly #files: readonly string[]
  #secureContext: SecureContext
  /** Of what is in use. */
  #digest: string
  /** What the file system said when the files were last read; undefined before the first look. */
  #seen: string | undefined
  /** What was last complained of; undefined when the files are good. */
  #complaint: string | undefined
  #stop: (() => void) | undefined
  #warned = false

  /**
   * @param path where the options stand, for messages
   * @throws BadOptionError for options that exclude or lack each other, and for files and PEM that can not be used
   */
  constructor (options: TlsOptions, path: string, pool: string, log: TlsLog, clock: Clock) {
    const { servername, rejectUnauthorized = true, passphrase, reloadInterval = 10_000 } = options
    this.servername = servername
    this.rejectUnauthorized = rejectUnauthorized
    this.#pool = pool
    this.#log = log
    this.#clock = clock
    this.#interval = reloadInterval
    this.#passphrase = passphrase
    assertFitting(options, path)
    this.#sources = ROLES.flatMap(role => sources(options, role, path))
    this.#files = this.#sources.flatMap(({ file }) => file ?? [])
    const pems = this.#sources.map(source => 'pem' in source ? source : readNow(source))
    this.#secureContext = secureContext(pems, passphrase)
    this.#digest = digestOf(pems)
  }

  /** Another one each time that the files have changed. */
  get secureContext (): SecureContext { return this.#secureContext }

  /** Begins to look at the files, and says once when nothing is verified. */
  start (): void {
    if (!this.rejectUnauthorized && !this.#warned) {
      this.#warned = true
      this.#log.warn({ pool: this.#pool }, `pool '${this.#pool}' accepts any certificate: whoever is between can read and change what is sent; ` +
        'instead of tls.rejectUnauthorized: false, give the authority as tls.ca or tls.caFile, or the name in the certificate as tls.servername')
    }
    if (this.#stop === undefined && this.#files.length > 0 && this.#interval > 0) this.#wait()
  }

  stop (): void {
    this.#stop?.()
    this.#stop = undefined
  }

  #wait (): void {
    const controller = new AbortController()
    const { signal } = controller
    const cancel = this.#clock.after(this.#interval, () => {
      void this.#look(signal).then(() => { if (!signal.aborted) this.#wait() })
    })
    this.#stop = () => {
      controller.abort()
      cancel()
    }
  }

  /** Never rejects. Changes nothing once it is aborted. */
  async #look (signal: AbortSignal): Promise<void> {
    const state = await stateOf(this.#files)
    // What could not be used is read again: a disk that failed may have recovered without a trace.
    if (state === this.#seen && this.#complaint === undefined) return
    const reading = Promise.all(this.#sources.map(async source => 'pem' in source ? source : await read(source)))
    await reading.catch(() => {})
    // While they are being replaced, what was read may belong to different sets: the next look will tell.
    if (await stateOf(this.#files) !== state || signal.aborted) return
    this.#seen = state
    try {
      this.#renew(await reading)
      this.#complaint = undefined
    } catch (error) {
      this.#complain(state, (error as Error).message)
    }
  }

  #renew (pems: readonly Pem[]): void {
    const digest = digestOf(pems)
    if (digest === this.#digest && this.#complaint === undefined) return
    this.#secureContext = secureContext(pems, this.#passphrase)
    this.#digest = digest
    this.#log.info({ pool: this.#pool, files: this.#files }, 'TLS files were read anew: new connections use them')
  }

  /** Once for each state of the files. */
  #complain (state: string, reason: string): void {
    const complaint = `${state} ${reason}`
    if (complaint === this.#complaint) return
    this.#complaint = complaint
    this.#log.error({ pool: this.#pool, reason }, 'TLS files have changed and can not be used: what was read before stays in use')
  }
}

function assertFitting (options: TlsOptions, path: string): void {
  const given = (role: typeof ROLES[number]): string | undefined => [role, `${role}File` as const].find(option => options[option] !== undefined)
  for (const role of ROLES) {
    if (options[role] !== undefined && options[`${role}File`] !== undefined) throw BadOptionError(`${path}.${role}File: there is ${role}, must be left out`)
  }
  const [cert, key] = [given('cert'), given('key')]
  if (cert === undefined && key !== undefined) throw BadOptionError(`${path}.${key.replace('key', 'cert')}: missing, must be given with ${key}`)
  if (key === undefined && cert !== undefined) throw BadOptionError(`${path}.${cert.replace('cert', 'key')}: missing, must be given with ${cert}`)
  if (key === undefined && options.passphrase !== undefined) throw BadOptionError(`${path}.passphrase: there is no key, must be left out`)
}

function sources (options: TlsOptions, role: typeof ROLES[number], path: string): Array<PemSource | Pem> {
  const given = options[role]
  const value = given ?? options[`${role}File`]
  if (value === undefined) return []
  return [value].flat().map((item, i) => {
    const option = `${path}.${role}${given === undefined ? 'File' : ''}${Array.isArray(value) ? `[${i}]` : ''}`
    // A relative path stays the same file when the process goes elsewhere.
    return given === undefined ? { role, option, file: resolve(String(item)) } : { role, option, file: undefined, pem: item as Pem['pem'] }
  })
}

function readNow (source: PemSource): Pem {
  try {
    return { ...source, pem: readFileSync(source.file ?? '') }
  } catch (error) {
    throw unreadable(source, error)
  }
}

async function read (source: PemSource): Promise<Pem> {
  try {
    return { ...source, pem: await readFile(source.file ?? '') }
  } catch (error) {
    throw unreadable(source, error)
  }
}

function unreadable (source: PemSource, error: unknown): Error {
  return badPem(source, codeOf(error), 'be a file that can be read')
}

function digestOf (pems: readonly Pem[]): string {
  return pems.map(({ pem }) => createHash('sha256').update(pem).digest('hex')).join()
}
