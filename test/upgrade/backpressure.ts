/** The gateway in a process of its own, and what it holds while one of its sides stops reading. */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { until } from '../kit/index.js'
import { frame, handshake, switching } from './kit.js'

const MEGABYTE = 1_000_000
const CHUNK = 64 * 1024
/** What the gateway may have under way itself. */
const OWN = 16 * MEGABYTE

/** Sends as much through a WebSocket whose reader begins by not reading, and that much more than the system could hold. */
export async function stalls (t: Test, least: number, direction: 'up' | 'down'): Promise<void> {
  const system = systemBuffers()
  const bytes = Math.max(least, system + 2 * OWN)
  let upstream: Socket | undefined
  const url = await switching(t, socket => { upstream = socket.on('error', () => {}) })
  const child = fork(new URL('backpressure-gateway.ts', import.meta.url), [url], { execArgv: ['--import=tsx', '--expose-gc'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const ask = async (question: string): Promise<number> => {
    const answer = once(child, 'message')
    child.send(question)
    return (await answer)[0] as number
  }
  const [port] = await once(child, 'message') as [number]
  const client = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => { client.destroy() })
  client.write(handshake('/ws'))
  const [head] = await once(client, 'data') as [Buffer]
  t.match(String(head), '101')
  await until(() => upstream !== undefined)
  const [from, to] = direction === 'up' ? [client, upstream as Socket] : [upstream as Socket, client]
  to.pause()
  const before = await ask('memory')

  const sent = createHash('sha256')
  let written = 0
  const send = (): void => {
    while (written < bytes) {
      const piece = frame(Buffer.alloc(Math.min(CHUNK, bytes - written), written / CHUNK), { mask: direction === 'up' ? Buffer.from('mask') : undefined })
      sent.update(piece)
      written += Math.min(CHUNK, bytes - written)
      if (!from.write(piece)) {
        from.once('drain', send)
        return
      }
    }
    from.end()
  }
  send()
  // Stalled: nothing has moved for half a second.
  for (let last = -1; last !== written;) {
    last = written
    await new Promise(resolve => { setTimeout(resolve, 500) })
  }
  t.ok(written < system + OWN, `the sender stalls after ${(written / MEGABYTE).toFixed(1)} MB, of which the system may hold ${(system / MEGABYTE).toFixed(1)} MB`)
  const grown = await ask('memory') - before
  t.ok(grown < 32 * MEGABYTE, `the gateway has grown by ${(grown / MEGABYTE).toFixed(1)} MB`)

  const received = createHash('sha256')
  to.on('data', (chunk: Buffer) => { received.update(chunk) })
  to.resume()
  await once(to, 'end')
  t.equal(written, bytes)
  t.equal(received.digest('hex'), sent.digest('hex'), 'then everything arrives')
  const peak = await ask('memory') - before
  t.ok(peak < 48 * MEGABYTE, `and the gateway has grown by ${(peak / MEGABYTE).toFixed(1)} MB`)
  t.equal(await ask('in flight') <= 1, true)
  child.disconnect()
}

/** Bytes that the system's own buffers on the two connections may take. Linux grows them as far as it has been told to: 4 MiB to send and 6 MiB received as a rule. */
function systemBuffers (): number {
  const most = (name: string, standard: number): number => {
    try {
      return Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)[2])
    } catch {
      return standard
    }
  }
  return 2 * (most('tcp_wmem', 4 * 1024 * 1024) + most('tcp_rmem', 6 * 1024 * 1024))
}
