import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BadOptionError } from '../errors.js'
import { badPem, secureContext, type Pem, type PemSource } from '../pem.js'
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
  const { passphrase, requestCert = false, rejectUnauthorized = true, minVersion = 'TLSv1.2' } = options
  if (requestCert && options.caFile === undefined) throw BadOptionError('listen.tls.caFile: missing, must be given with requestCert: the authorities of clients')
  if (!requestCert && options.caFile !== undefined) throw BadOptionError('listen.tls.caFile: clients are not asked for certificates, must be left out unless requestCert is true')
  // One after another: of several that can not be read it is the first that is said.
  const pems: Pem[] = []
  for (const source of sourcesOf(options)) pems.push(await read(source))
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

type FileSource = PemSource & { readonly file: string }

function sourcesOf ({ certFile, keyFile, caFile = [] }: ListenTlsOptions): FileSource[] {
  return [
    { role: 'cert', option: 'listen.tls.certFile', file: resolve(certFile) },
    { role: 'key', option: 'listen.tls.keyFile', file: resolve(keyFile) },
    ...[caFile].flat().map((file, i): FileSource => ({ role: 'ca', option: `listen.tls.caFile${Array.isArray(caFile) ? `[${i}]` : ''}`, file: resolve(file) }))
  ]
}

async function read (source: FileSource): Promise<Pem> {
  try {
    return { ...source, pem: await readFile(source.file) }
  } catch (error) {
    throw badPem(source, (error as NodeJS.ErrnoException).code ?? 'unknown error', 'be a file that can be read')
  }
}
