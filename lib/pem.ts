import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { BadOptionError, show } from './errors.js'

/** Where PEM comes from. */
export interface PemSource {
  readonly role: 'ca' | 'cert' | 'key'
  /** Path of the option, for messages. */
  readonly option: string
  /** The file that it is in, if it is in one. */
  readonly file: string | undefined
}

export interface Pem extends PemSource {
  readonly pem: string | Buffer
}

/** A mistake in PEM: names the option and the file, never what is in it. */
export function badPem ({ option, file }: PemSource, problem: string | undefined, must: string): Error {
  const wrong = [file === undefined ? undefined : show(file), problem].filter(part => part !== undefined).join(': ')
  return BadOptionError(`${option}: ${wrong === '' ? '' : `${wrong}, `}must ${must}`)
}

/**
 * What connections are made with. Each piece is checked on its own before OpenSSL gets them all: it takes any text for a
 * list of no authorities, stops reading at a certificate that is broken, and its messages name no file.
 *
 * @throws BadOptionError for a piece that is not what it should be, and for a key that does not fit its certificate
 */
export function secureContext (pems: readonly Pem[], passphrase: string | undefined): SecureContext {
  const authorities = pems.filter(({ role }) => role === 'ca')
  const cert = pems.find(({ role }) => role === 'cert')
  const key = pems.find(({ role }) => role === 'key')
  for (const authority of authorities) firstCertificate(authority)
  // Without an option, Node's own authorities are meant.
  const ca = authorities.length === 0 ? undefined : { ca: authorities.map(({ pem }) => pem) }
  if (cert === undefined || key === undefined) return createSecureContext({ ...ca })

  const certificate = firstCertificate(cert)
  if (!certificate.checkPrivateKey(privateKey(key, passphrase))) {
    throw badPem(key, 'the key of another certificate', `be that of ${cert.option}${cert.file === undefined ? '' : ` ${show(cert.file)}`}`)
  }
  try {
    return createSecureContext({ ...ca, cert: cert.pem, key: key.pem, ...(passphrase === undefined ? undefined : { passphrase }) })
  } catch (error) {
    // A key that is too short, for one.
    throw badPem(cert, (error as Error).message, 'be something that OpenSSL accepts')
  }
}

/** The first certificate of a list in which every one must be whole. */
function firstCertificate (source: Pem): X509Certificate {
  const text = String(source.pem)
  const begun = text.match(/-----BEGIN [A-Z\d ]*CERTIFICATE-----/g)?.length
  const whole = text.match(/-----BEGIN ([A-Z\d ]*CERTIFICATE)-----[^-]+-----END \1-----/g) ?? []
  try {
    const [first] = whole.map(block => new X509Certificate(block))
    if (first !== undefined && whole.length === begun) return first
  } catch { /* What OpenSSL says about it helps nobody. */ }
  throw badPem(source, undefined, 'hold certificates in PEM, each of them whole')
}

function privateKey (source: Pem, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: source.pem, ...(passphrase === undefined ? undefined : { passphrase }) })
  } catch {
    if (!/^(?:-----BEGIN|Proc-Type:) .*ENCRYPTED/m.test(String(source.pem))) throw badPem(source, undefined, 'hold a private key in PEM')
    throw passphrase === undefined
      ? badPem(source, 'encrypted', 'be given with passphrase')
      : badPem(source, 'can not be decrypted', 'be given with its own passphrase')
  }
}
