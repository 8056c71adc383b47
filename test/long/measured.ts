import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { digest, type Upstream } from '../kit/index.js'

const MIB = 2 ** 20

/** A gateway in a process of its own. */
export interface GatewayProcess {
  readonly port: number
  /** Ports of both hops. */
  readonly ports: readonly number[]
  readonly figures: () => Promise<{ readonly rss: number, readonly inFlight: number }>
}

export async function gatewayProcess (t: Test, target: Upstream): Promise<GatewayProcess> {
  const child = fork(new URL('gateway-process.ts', import.meta.url), { execArgv: ['--import=tsx'], stdio: 'inherit' })
  t.teardown(async () => {
    const exited = once(child, 'exit')
    child.disconnect()
    const timer = setTimeout(() => { child.kill('SIGKILL') }, 5000)
    await exited
    clearTimeout(timer)
  })
  child.send({ target: target.url })
  const [{ port }] = await once(child, 'message') as [{ port: number }]
  return {
    port,
    ports: [port, target.port],
    figures: async () => {
      child.send({})
      const [figures] = await once(child, 'message') as [{ rss: number, inFlight: number }]
      return figures
    }
  }
}

/** Lets the gateway's heap and buffers take their usual size, and returns what it has then. */
export async function warmed ({ port, figures }: GatewayProcess): Promise<number> {
  for (const path of ['/warm', '/warm?chunked', '/warm', '/warm?chunked']) {
    const request = httpRequest({ port, host: '127.0.0.1', path, method: 'POST', agent: false })
    request.end(Buffer.alloc(8 * MIB))
    const [response] = await once(request, 'response') as [IncomingMessage]
    await digest(response)
  }
  return (await figures()).rss
}

/** Answers `/warm` with as much as came. */
export function warming (request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/warm') response.setHeader('content-length', 8 * MIB)
  void digest(request).then(({ bytes }) => { response.end(Buffer.alloc(bytes)) })
}

/** What the connections of these local ports hold, sent and not read; 0 where the system does not tell. */
export function waitingBytes (ports: readonly number[]): number {
  let lines: string[] = []
  try {
    lines = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)
  } catch {}
  let bytes = 0
  for (const line of lines) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/)
    if (![local, remote].some(end => ports.includes(parseInt(end.split(':')[1] ?? '', 16)))) continue
    for (const queue of queues.split(':')) bytes += parseInt(queue, 16)
  }
  return bytes
}
