/** Both ends of a connection as bytes, one character each (latin1): what exactly is sent, and what exactly came. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { listening } from './listening.js'
import { parseRequest, parseResponse, Violation, type RawRequest, type RawResponse } from './raw-parse.js'
import { RawSocket } from './raw-socket.js'

export { RawSocket, type Ending } from './raw-socket.js'
export { values, Violation, type Field, type RawRequest, type RawResponse } from './raw-parse.js'

export class RawClient extends RawSocket {
  /** The next final response; undefined when the connection ended without one. @throws Violation */
  async response (method = 'GET'): Promise<RawResponse | undefined> {
    for (;;) {
      const response = await this.when(() => {
        const over = this.ending !== undefined
        const parsed = parseResponse(this.unfinished, 0, method, over)
        if (parsed === undefined) return over ? { message: undefined } : undefined
        this.unfinished = this.unfinished.slice(parsed.end)
        return parsed
      }, 'response')
      if (response.message === undefined || response.message.status >= 200) return response.message
    }
  }

  /** Every response until the connection ended, one for each of `methods` at most. @throws Violation for what is left over */
  async responses (...methods: string[]): Promise<RawResponse[]> {
    const responses: RawResponse[] = []
    for (const method of methods) {
      const response = await this.response(method)
      if (response === undefined) break
      responses.push(response)
    }
    await this.ended()
    if (this.unfinished !== '') throw new Violation(`left over: ${JSON.stringify(this.unfinished)}`)
    return responses
  }
}

/** A client of bytes, gone at the end of its test. */
export async function rawClient (t: Test, port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const client = new RawClient(socket)
  t.teardown(() => { client.destroy() })
  await once(socket, 'connect')
  return client
}

/** What an upstream sees of one connection. */
export class RawConnection extends RawSocket {
  /** Those that have come whole. */
  readonly requests: RawRequest[] = []
  /** What was wrong with what came. Nothing behind it is read any more. */
  violation: string | undefined
  #taken = 0

  constructor (socket: Socket) {
    super(socket)
    this.prependListener('change', () => { this.#parse() })
  }

  #parse (): void {
    if (this.violation !== undefined) return
    try {
      for (let parsed; (parsed = parseRequest(this.unfinished, 0)) !== undefined;) {
        this.unfinished = this.unfinished.slice(parsed.end)
        this.requests.push(parsed.message)
      }
    } catch (error) {
      this.violation = (error as Error).message
    }
  }

  /** The next request, whole; undefined when there will be none. */
  async request (): Promise<RawRequest | undefined> {
    return (await this.when(() => {
      const request = this.requests[this.#taken]
      if (request !== undefined) {
        this.#taken++
        return { request }
      }
      return this.ending !== undefined || this.violation !== undefined ? { request: undefined } : undefined
    }, 'request')).request
  }

  /** Waits until `count` bytes have come, or the end. */
  async bytes (count: number): Promise<void> {
    await this.when(() => this.received.length >= count || this.ending !== undefined || undefined, `${count} bytes`)
  }
}

export interface RawServer {
  readonly url: string
  readonly port: number
  readonly connections: readonly RawConnection[]
  /** Of all connections, as they came to each. */
  readonly requests: () => RawRequest[]
  /** What was wrong with what came, and failures of the script. */
  readonly violations: () => string[]
}

/** An upstream of bytes: `script` plays every connection. */
export async function rawServer (t: Test, script: (connection: RawConnection, index: number) => unknown): Promise<RawServer> {
  const connections: RawConnection[] = []
  const failures: string[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    const connection = new RawConnection(socket)
    connections.push(connection)
    void (async () => { await script(connection, connections.length - 1) })().catch((error: unknown) => { failures.push(String(error)) })
  })
  const port = await listening(t, server)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections,
    requests: () => connections.flatMap(({ requests }) => requests),
    violations: () => [...connections.flatMap(({ violation }) => violation ?? []), ...failures]
  }
}

/** A script: every request is answered with what `answer` makes of it, and the other side's end with an end. */
export function answeringEach (answer: (request: RawRequest) => string): (connection: RawConnection) => Promise<void> {
  return async connection => {
    for (let request; (request = await connection.request()) !== undefined;) await connection.send(answer(request))
    connection.end()
  }
}

/** A small whole answer. */
export function ok (body = 'ok', fields = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}
