import type { RawConnection } from '../kit/raw.js'

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

/** What an upstream does, and what comes of it. */
export interface UpstreamRow {
  readonly name: string
  /** Waits for the whole request first, unless it says otherwise. */
  readonly at?: 'accept' | 'upload'
  readonly sends: readonly string[]
  readonly then: 'end' | 'reset' | 'stall'
  /** What is cut breaks off, behind a status of 200 if any. Whether headers have been passed on by then is a matter of time. */
  readonly client: 200 | 502 | 504 | '502 or cut' | '504 or cut'
  /** The outcomes in the target's counters, one of which is counted. */
  readonly outcome: ReadonlyArray<'unsent' | 'failed' | 'broken' | 'answered'>
}

type Ways = Partial<Record<UpstreamRow['then'], readonly [client: UpstreamRow['client'], ...outcome: UpstreamRow['outcome']]>>

function rows (name: string, sends: readonly string[], ways: Ways, at?: UpstreamRow['at']): UpstreamRow[] {
  return Object.entries(ways).map(([then, [client, ...outcome]]) =>
    ({ name: `${name}, then ${then}`, sends, then: then as UpstreamRow['then'], client, outcome, ...(at === undefined ? undefined : { at }) }))
}

export const UPSTREAM: readonly UpstreamRow[] = [
  ...rows('accepts', [], { end: [502, 'unsent', 'failed'], reset: [502, 'unsent', 'failed'], stall: [504, 'failed'] }, 'accept'),
  ...rows('reads a part of the request', [], { end: [502, 'failed'], reset: [502, 'failed'] }, 'upload'),
  ...rows('reads the request', [], { end: [502, 'failed'], reset: [502, 'failed'], stall: [504, 'failed'] }),
  ...rows('sends half a status line', ['HTTP/1.1 2'], { end: [502, 'failed'], reset: [502, 'failed'], stall: [504, 'failed'] }),
  ...rows('sends half of its headers', ['HTTP/1.1 200 OK\r\nX-A: b\r\nX-'], { end: [502, 'failed'], reset: [502, 'failed'], stall: [504, 'failed'] }),
  ...rows('sends headers with a small length', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'], { end: [502, 'failed'], reset: [502, 'failed'], stall: [504, 'failed'] }),
  ...rows('sends a part of a small length', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi'], { end: [502, 'failed'], reset: [502, 'failed'], stall: [504, 'failed'] }),
  ...rows('sends headers with a large length', ['HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n'], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'], stall: ['504 or cut', 'broken'] }),
  ...rows('sends a part of a large length', ['HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n', 'hi'], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'], stall: ['504 or cut', 'broken'] }),
  ...rows('sends headers with chunks', [CHUNKED], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'], stall: ['504 or cut', 'broken'] }),
  ...rows('sends a chunk', [CHUNKED, '2\r\nhi\r\n'], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'], stall: ['504 or cut', 'broken'] }),
  ...rows('sends a part of a chunk', [CHUNKED, '5\r\nhi'], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'] }),
  ...rows('sends all but the last line', [CHUNKED, '2\r\nhi\r\n0\r\n'], { end: ['502 or cut', 'broken'], reset: ['502 or cut', 'broken'] }),
  ...rows('sends something else', ['SSH-2.0-OpenSSH_9.6\r\n'], { end: [502, 'failed'], reset: [502, 'failed'], stall: [502, 'failed'] }),
  ...rows('sends a whole answer', ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'], { end: [200, 'answered'], reset: [200, 'answered'], stall: [200, 'answered'] }),
  ...rows('sends more than an answer', ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more'], { end: [200, 'answered'], stall: [200, 'answered'] })
]

/** Plays a row on one connection. */
export async function play ({ at, sends, then }: UpstreamRow, connection: RawConnection): Promise<void> {
  if (at === 'upload') await connection.bytes(1000)
  else if (at === undefined) await connection.request()
  for (const piece of sends) {
    await connection.send(piece)
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
  if (then === 'end') connection.end()
  if (then === 'reset') connection.reset()
  if (at === 'upload' && then === 'end') connection.pause()
}

/** What a client does, and what comes of it. */
export interface ClientRow {
  readonly name: string
  readonly sends: string
  /** How far the exchange is when it does so. */
  readonly when: 'sent' | 'begun' | 'asked' | 'answering' | 'answered'
  readonly then: 'end' | 'reset'
  readonly outcome: 'none' | 'aborted' | 'answered'
}

const HEAD = 'POST /a HTTP/1.1\r\nHost: gateway\r\n'

export const CLIENT: readonly ClientRow[] = (['end', 'reset'] as const).flatMap(then => [
  { name: 'in its request line', sends: 'POST /a HT', when: 'sent', outcome: 'none' },
  { name: 'in its headers', sends: 'POST /a HTTP/1.1\r\nHost: ga', when: 'sent', outcome: 'none' },
  { name: 'behind its headers', sends: `${HEAD}Content-Length: 10\r\n\r\n`, when: 'begun', outcome: 'aborted' },
  { name: 'in its body', sends: `${HEAD}Content-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`, when: 'begun', outcome: 'aborted' },
  { name: 'in a chunk', sends: `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhi`, when: 'begun', outcome: 'aborted' },
  { name: 'between two chunks', sends: `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n`, when: 'begun', outcome: 'aborted' },
  { name: 'waiting for an answer', sends: `${HEAD}Content-Length: 2\r\n\r\nhi`, when: 'asked', outcome: 'aborted' },
  { name: 'in an answer', sends: `${HEAD}Content-Length: 2\r\n\r\nhi`, when: 'answering', outcome: 'aborted' },
  { name: 'behind an answer', sends: `${HEAD}Content-Length: 2\r\n\r\nhi`, when: 'answered', outcome: 'answered' }
].map(row => ({ ...row, then, name: `${row.name}, by ${then}` }) as ClientRow))
