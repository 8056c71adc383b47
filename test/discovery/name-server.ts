import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const
const CODES = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const

export type Type = keyof typeof TYPES
/** Records with their time to live in seconds, an error, or no answer at all. No records are an answer. */
export type Reply = ReadonlyArray<{ readonly ttl: number, readonly data: Buffer }> | keyof typeof CODES | 'silence'

export interface NameServer {
  readonly address: string
  /** By type and name, as in `A api.test`. What is not there does not exist. */
  readonly replies: Map<string, Reply>
  /** The keys that were asked for. */
  readonly asked: string[]
}

export function v4 (address: string, ttl = 60): { ttl: number, data: Buffer } {
  return { ttl, data: Buffer.from(address.split('.').map(Number)) }
}

/** @param address in full */
export function v6 (address: string, ttl = 60): { ttl: number, data: Buffer } {
  return { ttl, data: Buffer.from(address.replaceAll(':', ''), 'hex') }
}

export function srv (priority: number, weight: number, port: number, name: string, ttl = 60): { ttl: number, data: Buffer } {
  const numbers = Buffer.alloc(6)
  ;[priority, weight, port].forEach((number, i) => numbers.writeUInt16BE(number, 2 * i))
  const labels = name === '.' ? [] : name.split('.').map(label => Buffer.from([label.length, ...Buffer.from(label)]))
  return { ttl, data: Buffer.concat([numbers, ...labels, Buffer.from([0])]) }
}

/** Answers questions (RFC 1035) over UDP on loopback until the end of the test. */
export async function nameServer (t: Test): Promise<NameServer> {
  const replies = new Map<string, Reply>()
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => { socket.close() })
  socket.on('message', (query, { port, address }) => {
    const labels: string[] = []
    let at = 12
    for (let length; (length = query[at] ?? 0) > 0; at += length + 1) labels.push(query.toString('latin1', at + 1, at + 1 + length))
    const type = query.readUInt16BE(at + 1)
    const key = `${Object.entries(TYPES).find(([, number]) => number === type)?.[0] ?? type} ${labels.join('.').toLowerCase()}`
    asked.push(key)
    const reply = replies.get(key) ?? 'NXDOMAIN'
    if (reply === 'silence') return
    const records = typeof reply === 'string' ? [] : reply
    const head = Buffer.alloc(12)
    head.writeUInt16BE(query.readUInt16BE(0), 0)
    head.writeUInt16BE(0x8180 | (typeof reply === 'string' ? CODES[reply] : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records.length, 6)
    const answers = records.map(({ ttl, data }) => {
      const record = Buffer.alloc(12)
      // The name is that of the question.
      record.writeUInt16BE(0xc00c, 0)
      record.writeUInt16BE(type, 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt32BE(ttl, 6)
      record.writeUInt16BE(data.length, 10)
      return Buffer.concat([record, data])
    })
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...answers]), port, address)
  })
  return { address: `127.0.0.1:${socket.address().port}`, replies, asked }
}
