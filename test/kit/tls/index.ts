/** TLS upstreams with the certificates of this directory. README.md says what each is for. */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { listening } from '../listening.js'

type Name = 'cert' | 'key' | `${'server' | 'wrong-name' | 'expired' | 'other' | 'client' | 'client2'}${'' | '-key'}` |
  'ca' | 'other-ca' | 'client-ca' | 'client-key-encrypted'

export function pemPath (name: Name): string {
  return fileURLToPath(new URL(`${name}.pem`, import.meta.url))
}

export function pem (name: Name): string {
  return readFileSync(pemPath(name), 'utf8')
}

/** A server's certificate and key, by the name of the certificate. */
export function identity (name: 'server' | 'wrong-name' | 'expired' | 'other'): { readonly cert: string, readonly key: string } {
  return { cert: pem(name), key: pem(`${name}-key`) }
}

/** One handshake as the server saw it. */
export interface Handshake {
  /** The name that was asked for. */
  readonly servername: string | false
  readonly alpn: string | false | null
  readonly resumed: boolean
  /** Name in the client's certificate. */
  readonly client: string | undefined
}

export interface TlsUpstream {
  readonly port: number
  /** By address: nothing to ask for. */
  readonly url: string
  /** By name. */
  readonly named: string
  readonly server: Server
  /** Those that were completed, in order. */
  readonly handshakes: Handshake[]
  /** Requests so far. */
  readonly hits: () => number
}

/** An https upstream; unless told otherwise it answers with the name in the client's certificate. */
export async function tlsUpstream (t: Test, options: ServerOptions, listener: RequestListener = answer): Promise<TlsUpstream> {
  let hits = 0
  const handshakes: Handshake[] = []
  const server = createServer(options, (request, response) => {
    hits++
    listener(request, response)
  })
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    handshakes.push({
      servername: socket.servername ?? false, alpn: socket.alpnProtocol, resumed: socket.isSessionReused(), client: clientName(socket)
    })
  })
  // Handshakes that are turned down are part of the play.
  server.on('tlsClientError', () => {})
  const port = await listening(t, server)
  return { port, url: `https://127.0.0.1:${port}`, named: `https://localhost:${port}`, server, handshakes, hits: () => hits }
}

/** A TLS server that tells how many bytes came through its handshakes; it never answers. */
export async function tlsSink (t: Test, options: TlsOptions): Promise<{ readonly url: string, readonly named: string, readonly bytes: () => number }> {
  let bytes = 0
  const server = createTlsServer(options, socket => {
    socket.on('data', (chunk: Buffer) => { bytes += chunk.length })
    socket.on('error', () => {})
  })
  server.on('tlsClientError', () => {})
  const port = await listening(t, server)
  return { url: `https://127.0.0.1:${port}`, named: `https://localhost:${port}`, bytes: () => bytes }
}

const answer: RequestListener = (request, response) => {
  request.resume()
  response.end(clientName(request.socket as TLSSocket) ?? 'nobody')
}

function clientName (socket: TLSSocket): string | undefined {
  // Without a certificate this is an empty object, or null on a socket that is gone.
  return (socket.getPeerCertificate() as { subject?: { CN?: string } } | null)?.subject?.CN
}
