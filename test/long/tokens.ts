import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Test } from 'tap'
import { Wire } from '../fuzz/wire.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until, upstream } from '../kit/index.js'
import { parseResponse, values, type RawResponse } from '../kit/raw-parse.js'

/**
 * Milliseconds. Node accepts one connection in a turn of its loop: where other processes have the machine, and turns take long, those
 * who have a connection are served again and again while others wait for theirs.
 */
const PATIENCE = 60_000

/** What happens to an exchange, and in how many of a hundred. */
const SHARES = { abort: 5, early: 5, interim: 5, error: 2, cut: 2 } as const

type Kind = keyof typeof SHARES | 'plain'

const TOKEN = /[0-9a-f]{16}/g

/** How many bytes an upload that is answered early has; half of them are sent before the answer. */
const EARLY_BYTES = 100_000

/** Clients with tokens that nobody else has, in path, field and body, for `ms` milliseconds: each gets its own back, or nothing. */
export async function runTokens (t: Test, clients: number, ms: number): Promise<void> {
  const faults: string[] = []
  const targets = await Promise.all([1, 2, 3].map(async () => await upstream(t, (request, response) => {
    request.on('error', () => {})
    response.on('error', () => {})
    answer(request, response, faults)
  })))
  const { app, port } = await gateway(t, { name: 'pool', targets: targets.map(({ url }) => url) }, { logger: false })
  const dice = new VirtualClock(11)
  const done: Record<Kind, number> = { abort: 0, early: 0, interim: 0, error: 0, cut: 0, plain: 0 }
  let begun = 0
  const end = performance.now() + ms
  await Promise.all(Array.from({ length: clients }, async () => {
    let wire: Wire | undefined
    while (performance.now() < end) {
      if (wire === undefined || wire.over) {
        const socket = connect(port, '127.0.0.1')
        wire = new Wire(socket, PATIENCE)
        await once(socket, 'connect')
      }
      const kind = kindOf(begun++)
      done[kind]++
      const goesOn: boolean = await exchange(wire, kind, dice).catch((error: unknown) => {
        faults.push(`${kind}: ${String(error)}`)
        return false
      })
      if (goesOn) continue
      wire.destroy()
      wire = undefined
    }
    wire?.destroy()
  }))
  const pool = app.upstreams['pool']
  await until(() => pool?.targets.every(({ inFlight }) => inFlight === 0) === true, 20_000)
  const total = Object.values(done).reduce((sum, n) => sum + n, 0)
  t.comment(`${total} exchanges of ${clients} clients: ${Object.entries(done).map(([kind, n]) => `${n} ${kind}`).join(', ')}; ${faults.length} wrong`)
  t.same(faults.slice(0, 10), [])
  for (const [kind, n] of Object.entries(done)) t.ok(n > 0, kind)
}

/** Each kind has its exact share of every hundred, spread over it. */
function kindOf (index: number): Kind {
  let left = (index * 37) % 100
  for (const [kind, share] of Object.entries(SHARES)) {
    left -= share
    if (left < 0) return kind as Kind
  }
  return 'plain'
}

/** @returns whether the connection can be used again */
async function exchange (wire: Wire, kind: Kind, dice: VirtualClock): Promise<boolean> {
  const token = randomBytes(8).toString('hex')
  const method = kind === 'early' || dice.random() < 0.5 ? 'POST' : 'GET'
  const sizes = ['small', 'long', 'chunked'] as const
  const size = sizes[Math.floor(dice.random() * sizes.length)] ?? 'small'
  const content = kind === 'early' ? token.repeat(EARLY_BYTES / token.length) : method === 'POST' ? token.repeat(1 + Math.floor(dice.random() * 40)) : ''
  const head = `${method} /${kind}/${size}/${token} HTTP/1.1\r\nHost: x\r\nX-Token: ${token}\r\n`
  const chunked = method === 'POST' && dice.random() < 0.5
  const body = chunked ? `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n` : content
  const text = `${head}${chunked ? 'Transfer-Encoding: chunked\r\n' : method === 'POST' ? `Content-Length: ${content.length}\r\n` : ''}\r\n${body}`
  if (kind === 'abort') {
    await wire.write([text.slice(0, Math.ceil(text.length * dice.random()))])
    for (let turns = Math.floor(dice.random() * 8); turns > 0; turns--) await new Promise(resolve => { setImmediate(resolve) })
    return false
  }
  const sent = kind === 'early' ? text.length - EARLY_BYTES / 2 : text.length
  await wire.write([text.slice(0, sent)])
  let response: RawResponse | undefined
  do {
    response = await wire.read((text, over) => parseResponse(text, 0, method, over))
    check(response, token)
  } while (response !== undefined && response.status < 200)
  if (kind === 'cut') {
    if (response?.complete === true && response.status !== 502) throw new Error(`a cut answer: ${response.status}`)
  } else {
    if (response?.complete !== true || response.status !== (kind === 'error' ? 500 : 200)) throw new Error(`answered ${response?.status} ${response?.body.slice(0, 200)}`)
    if (values(response.fields, 'x-token')[0] !== token || response.body !== token.repeat(repeats(size))) throw new Error('not the whole answer')
  }
  if (response?.complete !== true || values(response.fields, 'connection').includes('close')) return false
  if (wire.rest !== '') throw new Error(`behind the answer came ${wire.rest}`)
  if (sent < text.length) await wire.write([text.slice(sent)])
  return true
}

/** Nothing of anybody else's, whatever came. */
function check (response: RawResponse | undefined, token: string): void {
  if (response === undefined) return
  const foreign = JSON.stringify([response.fields, response.body]).match(TOKEN)?.find(found => found !== token)
  if (foreign !== undefined) throw new Error(`${foreign} came to ${token}`)
}

function repeats (size: string): number {
  return size === 'small' ? 3 : 2000
}

function answer (request: IncomingMessage, response: ServerResponse, faults: string[]): void {
  const [, kind, size = '', token = ''] = (request.url ?? '').split('/')
  if (request.headers['x-token'] !== token) faults.push(`field ${request.headers['x-token']} of ${token}`)
  if (kind === 'interim') {
    response.writeEarlyHints({ link: `</${token}>; rel=preload`, 'x-token': token })
    response.writeProcessing()
  }
  const body = token.repeat(repeats(size))
  const reply = (): void => {
    response.writeHead(kind === 'error' ? 500 : 200, { 'x-token': token, ...(size === 'chunked' ? undefined : { 'content-length': body.length }) })
    if (kind === 'cut') response.write(body.slice(0, body.length / 2), () => { response.destroy() })
    else response.end(body)
  }
  request.setEncoding('latin1')
  let received = ''
  request.on('data', (chunk: string) => { received += chunk })
  request.once('end', () => {
    if (received.replaceAll(token, '') !== '') faults.push(`a body of another in ${token}`)
    if (kind !== 'early') reply()
  })
  if (kind === 'early') reply()
}
