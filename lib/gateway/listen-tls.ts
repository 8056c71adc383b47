import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BadOptionError } from '../errors.js'
import { badPem, secureContext, type Pem, type PemSource } from '../pem.js'
import { LISTEN_TLS } from './standards.js'
import type { ListenTlsOptions } from './types.js'

/** What a TLS server is made with, or given anew with `setSecureContext`. */
export interface ServerTls {
  readonly cert: string
  readonly key: string
  readonly ca?: string[]
  readonly passphrase?: string
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** Every file that the options name. */
export function tlsFiles (options: ListenTlsOptions | undefined): readonly string[] {
  return options === undefined ? [] : sourcesOf(options).map(({ file }) => file)
}

/**
 * Reads the files, and checks them as a pool's are: each piece by itself, and that key and certificate belong together.
 *
 * @throws BadOptionError
 */
export async function serverTls (options: ListenTlsOptions): Promise<ServerTls> {
  const { passphrase, requestCert, rejectUnauthorized, minVersion } = { ...LISTEN_TLS, ...options }
  const unfit = unfitting(options)
  if (unfit !== undefined) throw unfit
  // One after another: of several that can not be read it is the first that is said.
  const pems: Pem[] = []
  for (const source of sourcesOf(options)) pems.push(await readPem(source))
  secureContext(pems, passphrase)
  const ca = pems.filter(({ role }) => role === 'ca').map(({ pem }) => String(pem))
  const textOf = (wanted: Pem['role']): string => String(pems.find(({ role }) => role === wanted)?.pem)
  return {
    cert: textOf('cert'),
    key: textOf('key'),
    ...(ca.length === 0 ? undefined : { ca }),
    ...(passphrase === undefined ? undefined : { passphrase }),
    requestCert,
    rejectUnauthorized,
    minVersion
  }
}

/** Everything that keeps `serverTls` from reading the files: each file by itself, and then whether they belong together. */
export async function serverTlsErrors (options: ListenTlsOptions): Promise<readonly Error[]> {
  const unfit = unfitting(options)
  const found: Error[] = unfit === undefined ? [] : [unfit]
  const good: Pem[] = []
  for (const read of await Promise.allSettled(sourcesOf(options).map(readPem))) {
    if (read.status === 'rejected') found.push(read.reason as Error)
    // A certificate is checked like an authority, which needs no key.
    else if (read.value.role === 'key' || passes(() => secureContext([{ ...read.value, role: 'ca' }], undefined), found)) good.push(read.value)
  }
  passes(() => secureContext(good.filter(({ role }) => role !== 'ca'), options.passphrase), found)
  return found
}

function passes (check: () => unknown, failures: Error[]): boolean {
  try {
    check()
    return true
  } catch (error) {
    failures.push(error as Error)
    return false
  }
}

/** What is wrong with the options before any file is read. */
function unfitting ({ requestCert = LISTEN_TLS.requestCert, caFile }: ListenTlsOptions): Error | undefined {
  if (requestCert && caFile === undefined) return BadOptionError('listen.tls.caFile: missing, must be given with requestCert: the authorities of clients')
  if (!requestCert && caFile !== undefined) return BadOptionError('listen.tls.caFile: clients are not asked for certificates, must be left out unless requestCert is true')
  return undefined
}

type FileSource = PemSource & { readonly file: string }

function sourcesOf ({ certFile, keyFile, caFile = [] }: ListenTlsOptions): FileSource[] {
  return [
    { role: 'cert', option: 'listen.tls.certFile', file: resolve(certFile) },
    { role: 'key', option: 'listen.tls.keyFile', file: resolve(keyFile) },
    ...[caFile].flat().map((file, i): FileSource => ({ role: 'ca', option: `listen.tls.caFile${Array.isArray(caFile) ? `[${i}]` : ''}`, file: resolve(file) }))
  ]
}

async function readPem (source: FileSource): Promise<Pem> {
  try {
    return { ...source, pem: await readFile(source.file) }
  } catch (error) {
    throw badPem(source, (error as NodeJS.ErrnoException).code ?? 'unknown error', 'be a file that can be read')
  }
}
