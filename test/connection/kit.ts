import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Test } from 'tap'
import { gateway, rawUpstream, until, type Gateway } from '../kit/index.js'
import { listening } from '../kit/listening.js'

/** Bytes of an upload that an upstream reads before it answers. */
export const ENOUGH = 10_000

const PIECE = 65_536
const RUNS = 50

export function answer (status: string, body: string, fields = ''): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`
}

/** What an upstream does once it has answered an upload that is still coming. */
export type Then = (socket: Socket, text: string) => void

/** Answers that end with their connection, and what each looks like at its end to a client. */
export const CLOSING: Record<string, { readonly text: string, readonly status: number, readonly end: string }> = {
  'a 413': { text: answer('413 Content Too Large', 'too large', 'Connection: close\r\n'), status: 413, end: 'too large' },
  'a 413 of unknown length': { text: `HTTP/1.1 413 Content Too Large\r\n\r\n${'too large'.repeat(1000)}`, status: 413, end: 'too large\r\n0\r\n\r\n' },
  'a 200 in chunks, after a 100': {
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nalready\r\n0\r\n\r\n',
    status: 200,
    end: 'already\r\n0\r\n\r\n'
  }
}

/** Has a gateway forward uploads to an upstream that answers each before it has read it, many times: it is a race. */
export async function answersEarly (
  t: Test, { text, status, end }: (typeof CLOSING)[string], then: Then, { tls = false, chunked = false }: { tls?: boolean, chunked?: boolean } = {}
): Promise<void> {
  const script = afterEnough(socket => { then(socket, text) })
  const url = tls ? await tlsUpstream(t, script) : await rawUpstream(t, script)
  const gate = await gateway(t, { name: 'pool', targets: [url], tls: { rejectUnauthorized: false } })
  for (let run = 0; run < RUNS; run++) {
    const got = await upload(gate, end, { chunked, bytes: 300_000 })
    if (got.status !== status) t.equal(got.text, `${status} in run ${run}`)
  }
  await until(() => gate.app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: RUNS, answered: RUNS, faults: 0 } })
}

/** A server of bytes behind TLS. */
export async function tlsUpstream (t: Test, script: (socket: Socket) => void): Promise<string> {
  const server = createServer({ cert: pem('cert.pem'), key: pem('key.pem') }, socket => {
    socket.on('error', () => {})
    script(socket)
  })
  return `https://127.0.0.1:${await listening(t, server)}`
}

function pem (name: string): Buffer {
  return readFileSync(new URL(`../kit/tls/${name}`, import.meta.url))
}

/** Reads `ENOUGH` of a POST, stops reading, and does what it is told. Uploads are all x. */
export function afterEnough (act: (socket: Socket) => void): (socket: Socket) => void {
  return socket => {
    let left = 0
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('POST ')) left = ENOUGH
      if (left <= 0) return
      left -= chunk.length
      if (left > 0) return
      socket.pause()
      act(socket)
    })
  }
}

export interface Uploaded {
  readonly status: number
  /** The head and what came after it, as bytes. */
  readonly text: string
}

/**
 * A client of bytes that goes on sending, at the gateway's pace, whatever it is answered, and is done when it has sent
 * everything and the last thing that it got is `end`. It reads nothing before it has sent `readAfter` bytes.
 */
export async function upload (
  { port }: Gateway, end: string, { bytes = 3_000_000, chunked = false, readAfter = 0 }: { bytes?: number, chunked?: boolean, readAfter?: number } = {}
): Promise<Uploaded> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`}\r\n\r\n`)
  let text = ''
  const answered = (async () => {
    while (!text.endsWith(end)) text += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1')
  })()
  if (readAfter > 0) socket.pause()
  try {
    await Promise.race([once(socket, 'close').then(() => { throw new Error(`closed after ${JSON.stringify(text.slice(-200))}`) }), (async () => {
      for (let sent = 0; sent < bytes; sent += PIECE) {
        if (sent >= readAfter) socket.resume()
        const piece = Buffer.alloc(Math.min(PIECE, bytes - sent), 'x')
        if (!socket.write(chunked ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece)) await once(socket, 'drain')
      }
      if (chunked) socket.write('0\r\n\r\n')
      socket.resume()
      await answered
    })()])
  } finally {
    socket.destroy()
  }
  return { status: Number(text.slice(9, 12)), text }
}
