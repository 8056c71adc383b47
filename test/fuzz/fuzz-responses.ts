import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Test } from 'tap'
import { gateway, rawUpstream, until } from '../kit/index.js'
import { parseRequest, parseResponse, values, type RawResponse } from '../kit/raw-parse.js'
import { bytesOf, mutated, mutations, piecesOf, type Mutation } from './bytes.js'
import { endToEnd, expectedFields, isBodyless, response, written, type GeneratedResponse } from './responses.js'
import { fuzz } from './run.js'
import { Wire } from './wire.js'

interface Exchange {
  readonly method: string
  readonly trailers: boolean
  readonly response: GeneratedResponse
  /** What is wrong with the response, if anything. */
  readonly fault: Fault
}

type Fault =
  | { readonly kind: 'none' }
  /** Bytes behind the response, on a connection that stays open: the beginning of an answer that nobody has asked for. */
  | { readonly kind: 'surplus' }
  /** Some of its bytes are others. */
  | { readonly kind: 'changed', readonly mutations: readonly Mutation[], readonly reset: boolean }
  /** It ends after so many thousandths. */
  | { readonly kind: 'cut', readonly at: number, readonly reset: boolean }

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ kind: 'none' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'surplus' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('changed' as const), mutations, reset: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.nat(999), reset: fc.boolean() }) }
)

const exchange: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'), trailers: fc.boolean(), response, fault
})

/** Nothing of this may ever reach a client. */
const POISON = 'HTTP/1.1 200 OK\r\nX-Poison: yes\r\nContent-Length: 6\r\n\r\npoison'

/** Upstream responses of every shape through one gateway, to clients that take them apart strictly. */
export async function fuzzResponses (t: Test, exchanges: number): Promise<void> {
  /** What is to be answered, by the path of the request. */
  const scripts = new Map<string, { readonly exchange: Exchange, readonly token: string }>()
  const asked = new Map<string, number>()
  const tokens = new Set<string>()
  const faults: string[] = []
  const serve = async (wire: Wire): Promise<void> => {
    for (;;) {
      const request = await wire.read(text => parseRequest(text, 0))
      const script = request === undefined ? undefined : scripts.get(request.target)
      if (request === undefined || script === undefined) break
      asked.set(request.target, (asked.get(request.target) ?? 0) + 1)
      if (!await play(wire, script.exchange, script.token)) return
    }
    wire.destroy()
  }
  const upstreams = await Promise.all(['sound', 'faulty'].map(async () => await rawUpstream(t, socket => {
    const wire = new Wire(socket)
    // A connection that nobody uses for a while is no failure.
    serve(wire).catch((error: unknown) => { if (!String(error).includes('nothing for')) faults.push(String(error)) }).finally(() => { wire.destroy() })
  })))
  const errors: string[] = []
  // Requests that are to succeed share no connections with those whose connections break.
  const { app, port } = await gateway(t, {
    pools: { sound: { targets: [upstreams[0] ?? ''] }, faulty: { targets: [upstreams[1] ?? ''] } },
    routes: [{ prefix: '/sound', pool: 'sound' }, { prefix: '/faulty', pool: 'faulty' }]
  }, { logger: { level: 'error', stream: { write: (line: string) => { if (!line.includes('FST_BALANCER_')) errors.push(line) } } } })

  await fuzz(t, exchanges, fc.array(exchange, { minLength: 1, maxLength: 8, size: 'max' }), async exchanges => {
    let wire: Wire | undefined
    try {
      for (const exchange of exchanges) {
        const token = randomBytes(8).toString('hex')
        if (wire === undefined || wire.over) {
          const socket = connect(port, '127.0.0.1')
          wire = new Wire(socket)
          await once(socket, 'connect')
        }
        scripts.set(`/${token}`, { exchange, token })
        tokens.add(token)
        const answer = await ask(wire, exchange, token)
        // A changed token is nobody's.
        const foreign = (answer.match(/x-poison|[0-9a-f]{16}/gi) ?? []).find(found => found !== token && (tokens.has(found) || found.startsWith('x')))
        assert(foreign === undefined, `bytes of another answer: ${foreign}`)
        const times = asked.get(`/${token}`)
        assert(times === 1, `asked ${times} times`)
        if (wire.rest !== '') throw new Error(`behind the answer came ${wire.rest}`)
        scripts.delete(`/${token}`)
        asked.delete(`/${token}`)
      }
      return exchanges.length
    } finally {
      wire?.destroy()
    }
  })
  await until(() => ['sound', 'faulty'].every(name => app.upstreams[name]?.targets[0]?.inFlight === 0))
  t.same(faults, [])
  t.same(errors, [])
}

/** @returns everything that came */
async function ask (wire: Wire, { method, trailers, response: generated, fault }: Exchange, token: string): Promise<string> {
  const pool = fault.kind === 'none' || fault.kind === 'surplus' ? 'sound' : 'faulty'
  await wire.write([`${method} /${pool}/${token} HTTP/1.1\r\nHost: x\r\n${trailers ? 'TE: trailers\r\n' : ''}${method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n'}`])
  let answer: RawResponse | undefined
  do answer = await wire.read((text, over) => parseResponse(text, 0, method, over)); while (answer !== undefined && answer.status < 200)
  const { told } = written(generated, method, token)
  if (answer === undefined) {
    assert(pool === 'faulty', 'cut off')
    return ''
  }
  if (values(answer.fields, 'connection').includes('close') || !answer.complete) await wire.ended()
  if (pool === 'sound') {
    checkSame(generated, answer, method, token)
  } else if (answer.complete && !isOwnError(answer)) {
    // Where only the end of the connection tells that of the body, nobody can tell; libuv takes a reset in the packet of the last bytes for an end.
    assert(fault.kind !== 'cut' || !told || isBodyless(method, generated.status), `a cut answer has arrived as whole: ${answer.status}`)
  } else if (answer.complete) {
    assert(answer.status === 502, `answered ${answer.status} ${answer.body}`)
  }
  return JSON.stringify([answer.fields, answer.body])
}

/** @returns whether the connection goes on */
async function play (wire: Wire, { method, response, fault }: Exchange, token: string): Promise<boolean> {
  const { text, closes } = written(response, method, `of-${token}`)
  if (fault.kind === 'none' || fault.kind === 'surplus') {
    const pieces = piecesOf(text, response.cuts)
    if (fault.kind === 'surplus' && !closes) pieces.push((pieces.pop() ?? '') + POISON)
    await wire.write(pieces)
    if (closes) wire.end()
    return !closes
  }
  const wrong = fault.kind === 'cut' ? text.slice(0, Math.floor(text.length * fault.at / 1000)) : mutated(text, fault.mutations)
  await wire.write(piecesOf(wrong, response.cuts))
  if (fault.reset) wire.reset()
  else wire.end()
  return false
}

function checkSame (generated: GeneratedResponse, answer: RawResponse, method: string, token: string): void {
  const { status, body } = generated
  assert(answer.status === status, `status ${answer.status} and not ${status}: ${answer.body}`)
  assert(answer.complete, 'cut off')
  const fields = expectedFields(generated, `of-${token}`)
  const through = endToEnd(answer.fields, fields)
  assert(isDeepStrictEqual({ ...through }, { ...fields }), `fields ${JSON.stringify(through)} and not ${JSON.stringify(fields)}`)
  assert(answer.body === (isBodyless(method, status) ? '' : bytesOf(body)), `a body of ${answer.body.length} and not ${body.size} bytes, or another one`)
}

function isOwnError ({ status, body, fields }: RawResponse): boolean {
  return values(fields, 'x-token').length === 0 && status >= 500 && body.includes('FST_BALANCER_')
}

function assert (condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
