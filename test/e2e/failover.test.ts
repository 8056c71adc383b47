import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Dispatcher } from 'undici'
import { ALSO_REFUSING, gateway, named, REFUSING, sha256, type Echo, type Gateway } from '../kit/index.js'

const MB = 1024 * 1024
const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** Around the limits of sockets, of streams and of what is kept for replay. */
const SIZES = [0, 1, 1000, 16_384, 65_535, 65_536, 65_537, 300_000]
const SHAPES = ['length', 'streamed length', 'chunked'] as const
const LARGEST = randomBytes(5 * MB)

interface Planned {
  readonly method: Dispatcher.HttpMethod
  readonly size: number
  readonly shape: typeof SHAPES[number] | 'none'
}

/** Request number `i` of a mix in which every method meets every size and every shape. */
function planned (i: number): Planned {
  const method = METHODS[i % METHODS.length] ?? 'GET'
  if (method === 'GET' || method === 'HEAD') return { method, size: 0, shape: 'none' }
  const round = Math.floor(i / METHODS.length)
  const shape = round % 7 === 0 ? 'none' : SHAPES[round % SHAPES.length] ?? 'none'
  const size = i % 97 === 0 ? LARGEST.length : SIZES[round % SIZES.length] ?? 0
  return { method, size: shape === 'none' ? 0 : size, shape }
}

function * inPieces (body: Buffer, piece = 50_000): Generator<Buffer> {
  for (let at = 0; at < body.length; at += piece) yield body.subarray(at, at + piece)
}

/** @returns what is wrong with the answer, or undefined */
async function faultOf ({ request }: Gateway, i: number, { method, size, shape }: Planned): Promise<string | undefined> {
  const body = LARGEST.subarray(0, size)
  const what = `${i} ${method} ${size} ${shape}`
  try {
    const response = await request(`/${i}`, {
      method,
      ...(shape === 'none' ? undefined : { body: shape === 'length' ? body : Readable.from(inPieces(body)) }),
      headers: shape === 'streamed length' ? { 'content-length': String(size) } : {}
    })
    if (response.statusCode !== 200) return `${what}: ${response.statusCode} ${await response.body.text()}`
    if (method === 'HEAD') {
      await response.body.dump()
      return undefined
    }
    const echo = await response.body.json() as Echo
    const same = echo.method === method && echo.url === `/${i}` && echo.bytes === size && echo.sha256 === sha256(body)
    return same ? undefined : `${what}: arrived as ${JSON.stringify(echo)}`
  } catch (error) {
    return `${what}: ${String(error)}`
  }
}

t.test('of a thousand requests of every kind none notices that one of three targets refuses connections', async t => {
  const a = await named(t, 'a')
  const b = await named(t, 'b')
  const gate = await gateway(t, { name: 'pool', targets: [a.url, REFUSING, b.url] })

  const faults: string[] = []
  let next = 0
  async function work (): Promise<void> {
    for (let i = next++; i < 1000; i = next++) {
      const fault = await faultOf(gate, i, planned(i))
      if (fault !== undefined) faults.push(fault)
    }
  }
  await Promise.all(Array.from({ length: 16 }, work))

  t.same(faults, [])
  t.equal(a.hits() + b.hits(), 1000, 'each request has arrived once')
  t.ok(Math.abs(a.hits() - b.hits()) <= 50, `the live targets got equal shares: ${a.hits()} and ${b.hits()}`)
  const refusing = gate.app.upstreams['pool']?.targets[1]
  t.ok((refusing?.counters.unsent ?? 0) > 0, 'the refusing target was in the rotation')
  t.equal(refusing?.counters.unsent, refusing?.counters.attempts)
  t.same(gate.app.upstreams['pool']?.targets.map(target => target.inFlight), [0, 0, 0])
})

t.test('with one request at a time the live targets get exactly equal shares', async t => {
  const a = await named(t, 'a')
  const b = await named(t, 'b')
  for (const targets of [[REFUSING, a.url, b.url], [a.url, REFUSING, b.url], [a.url, b.url, REFUSING]]) {
    const before = [a.hits(), b.hits()] as const
    const { request } = await gateway(t, { targets })
    for (let i = 0; i < 60; i++) {
      const response = await request('/')
      t.equal(response.statusCode, 200)
      await response.body.dump()
    }
    t.same([a.hits() - before[0], b.hits() - before[1]], [30, 30])
  }
})

t.test('the very first request is answered although its target refuses', async t => {
  const live = await named(t, 'live')
  const { app, request } = await gateway(t, { name: 'pool', policy: 'first', targets: [REFUSING, ALSO_REFUSING, live.url] })
  const response = await request('/first', { method: 'POST', body: 'hello' })
  t.equal(response.statusCode, 200)
  t.equal((await response.body.json() as Echo).sha256, sha256(Buffer.from('hello')))
  t.same(app.upstreams['pool']?.targets.map(({ counters }) => [counters.unsent, counters.answered]), [[1, 0], [1, 0], [0, 1]])
})

t.test('without passive health, a target that comes back gets its share again at once', async t => {
  const a = await named(t, 'a')
  const b = await named(t, 'b')
  const { request } = await gateway(t, { breaker: false, targets: [a.url, b.url] })
  await b.kill()
  for (let i = 0; i < 20; i++) t.equal((await (await request('/')).body.json() as Echo).name, 'a')
  const back = await named(t, 'b', b.port)
  for (let i = 0; i < 20; i++) await (await request('/')).body.dump()
  t.equal(back.hits(), 10)
})
