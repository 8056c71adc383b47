import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from 'ws'
import { rawUpstream } from '../kit/index.js'

export interface EchoServer {
  readonly url: string
  readonly http: Server
  readonly wss: WebSocketServer
  /** The handshakes so far. */
  readonly requests: IncomingMessage[]
}

/** A WebSocket server that sends everything back, and takes the last subprotocol that it is offered. */
export async function echoing (t: Test, options: ServerOptions = {}, http = createServer((_request, response) => { response.writeHead(426).end() })): Promise<EchoServer> {
  const requests: IncomingMessage[] = []
  const wss = new WebSocketServer({ server: http, handleProtocols: protocols => [...protocols].at(-1) ?? false, ...options })
  wss.on('connection', (socket, request) => {
    requests.push(request)
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
  t.teardown(async () => {
    for (const client of wss.clients) client.terminate()
    if (!http.listening) return
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  })
  if (!http.listening) {
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
  }
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, http, wss, requests }
}

/** A client that has connected. It is cut off at the end of the test. */
export async function opened (t: Test, url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, options)
  t.teardown(() => { socket.terminate() })
  await once(socket, 'open')
  return socket
}

/** What a WebSocket sends back. */
export async function echoed (socket: Pick<WebSocket, 'send' | 'once'>, text: string): Promise<string> {
  const answer = once(socket as WebSocket, 'message')
  socket.send(text)
  return String((await answer)[0])
}

/** A request to open a WebSocket, as bytes. */
export function handshake (path: string, fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: g.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${fields}\r\n`
}

export const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

/** An upstream that opens every WebSocket; `script` plays each of them, from behind the handshake on. */
export async function switching (t: Test, script: (socket: Socket) => void, head = ''): Promise<string> {
  return await rawUpstream(t, socket => {
    let received = ''
    const onData = (chunk: Buffer): void => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.off('data', onData)
      socket.write(SWITCHING + head, 'latin1')
      script(socket)
      const rest = received.slice(end + 4)
      if (rest !== '') socket.emit('data', Buffer.from(rest, 'latin1'))
    }
    socket.on('data', onData)
  })
}

/** A frame as RFC 6455 §5.2 draws it. */
export function frame (payload: Buffer | string, { opcode = 2, fin = true, mask }: { opcode?: number, fin?: boolean, mask?: Buffer | undefined } = {}): Buffer {
  const bytes = Buffer.from(payload as string)
  const { length } = bytes
  const size = length < 126 ? Buffer.of(length) : length < 65_536 ? Buffer.of(126, length >> 8, length & 255) : Buffer.of(127, ...Buffer.alloc(8))
  if (length >= 65_536) size.writeBigUInt64BE(BigInt(length), 1)
  if (mask === undefined) return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode), size, bytes])
  size[0] = (size[0] ?? 0) | 0x80
  return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode), size, mask, bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

/** Requests and WebSockets that the app's pools have not finished. */
export function inFlight (app: FastifyInstance): number {
  return Object.values(app.upstreams).flatMap(({ targets }) => targets).reduce((sum, target) => sum + target.inFlight, 0)
}
