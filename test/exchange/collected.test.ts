import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { Pool } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { leftOvers, pooled } from '../dispatcher/kit.js'
import { rawUpstream, upstream, type Upstream } from '../kit/index.js'

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** Full collections that are tried before something counts as kept: callbacks, timers and handles let go of things a few turns later. */
const ROUNDS = 50

/** What is kept, by name, however often it is collected. */
async function kept (refs: ReadonlyMap<string, WeakRef<object>>): Promise<string[]> {
  let left: string[] = []
  for (let i = 0; i < ROUNDS; i++) {
    // What a WeakRef has shown is kept until the end of the task.
    await new Promise(resolve => { setImmediate(resolve) })
    collect()
    left = [...refs].filter(([, ref]) => ref.deref() !== undefined).map(([name]) => name)
    if (left.length === 0) break
  }
  return left
}

/** Made here: an error keeps what is on the stack where it is made. */
const ENOUGH = new Error('enough')

interface Asked {
  readonly over: Promise<{ readonly status: number, readonly text: string }>
  /** What the caller made for the exchange, and undici's function to abort it. */
  readonly refs: Map<string, WeakRef<object>>
}

/**
 * Hands one request to the pool and forgets all that it was made of, as this function ends.
 *
 * @param enough when it is to be given up
 */
function ask (pool: Pool, options: Dispatcher.DispatchOptions, enough?: Promise<void>): Asked {
  const refs = new Map<string, WeakRef<object>>()
  refs.set('options', new WeakRef(options))
  if (typeof options.body === 'object' && options.body !== null) refs.set('body', new WeakRef(options.body))
  const over = new Promise<{ status: number, text: string }>((resolve, reject) => {
    let status = 0
    let text = ''
    const handler: Dispatcher.DispatchHandler = {
      onConnect (abort) {
        refs.set('the way to abort', new WeakRef(abort))
        void enough?.then(() => { abort(ENOUGH) })
      },
      onHeaders (code) {
        status = code
        return true
      },
      onData (chunk) {
        text += String(chunk)
        return true
      },
      onComplete () { resolve({ status, text }) },
      onError: reject
    }
    refs.set('handler', new WeakRef(handler))
    pool.dispatch(options, handler)
  })
  return { over, refs }
}

/** Answers with what it was sent; small answers are collected by their attempt, those of unknown length are streamed. */
async function echoing (t: Test): Promise<{ target: Upstream, sockets: Socket[] }> {
  const sockets: Socket[] = []
  const target = await upstream(t, (request, response) => {
    if (!sockets.includes(request.socket)) sockets.push(request.socket)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => {
      const answer = Buffer.concat([Buffer.from(`${request.method} `), ...chunks])
      if (request.url === '/small') response.setHeader('content-length', answer.length)
      response.flushHeaders()
      response.end(answer)
    })
  })
  target.server.keepAliveTimeout = 0
  return { target, sockets }
}

const REQUESTS: Record<string, () => Dispatcher.DispatchOptions> = {
  'a GET': () => ({ method: 'GET', path: '/' }),
  'a GET with a small answer': () => ({ method: 'GET', path: '/small' }),
  'a POST of a text': () => ({ method: 'POST', path: '/', body: 'x' }),
  'a POST of a stream': () => ({ method: 'POST', path: '/', body: Readable.from(['x'], { objectMode: false }) }),
  'a POST of a stream with a small answer': () => ({ method: 'POST', path: '/small', body: Readable.from(['x'], { objectMode: false }) })
}

for (const [what, options] of Object.entries(REQUESTS)) {
  t.test(`${what} can be collected once it is over, while its connection idles`, async t => {
    const { target, sockets } = await echoing(t)
    const pool = await pooled(t, { targets: [target.url] })
    const asked = ask(pool, options())
    t.same(await asked.over, { status: 200, text: what.startsWith('a GET') ? 'GET ' : 'POST x' })
    t.same(leftOvers(pool), [])
    t.same([...asked.refs.keys()].filter(name => name !== 'body').sort(), ['handler', 'options', 'the way to abort'])
    t.same(await kept(asked.refs), [])
    t.equal(sockets.length, 1)
    t.equal(sockets[0]?.destroyed, false)
    t.equal((await ask(pool, { method: 'GET', path: '/' }).over).status, 200)
    t.equal(sockets.length, 1, 'the next one goes on the same connection')
  })
}

/** What an unsent attempt waits for: a handshake that nobody answers. */
async function silent (t: Test): Promise<{ url: string, sockets: Socket[], reached: Promise<void> }> {
  const sockets: Socket[] = []
  let reach: () => void = () => {}
  const reached = new Promise<void>(resolve => { reach = resolve })
  const url = await rawUpstream(t, socket => {
    // Read, so that its end would show.
    sockets.push(socket.on('error', () => {}).resume())
    reach()
  })
  return { url: url.replace('http:', 'https:'), sockets, reached }
}

for (const [what, options] of Object.entries(REQUESTS)) {
  t.test(`${what} that was given up can be collected, while undici keeps it for a connection that is being made`, async t => {
    const { url, sockets, reached } = await silent(t)
    const pool = await pooled(t, { targets: [url], timeouts: { connect: 0 } })
    const asked = ask(pool, options(), reached)
    await t.rejects(asked.over, { message: 'enough' })
    t.same(await kept(asked.refs), [])
    t.equal(sockets.length, 1)
    t.equal(sockets[0]?.destroyed, false)
  })

  t.test(`${what} that was answered elsewhere can be collected, while undici keeps it for a connection that is being made`, async t => {
    const { url, sockets, reached } = await silent(t)
    const { target } = await echoing(t)
    const clock = new VirtualClock()
    const pool = await pooled(t, { policy: 'first', targets: [url, target.url], timeouts: { connect: 0, try: 50 } }, clock)
    const asked = ask(pool, options())
    await reached
    await clock.advance(50)
    t.match(await asked.over, { status: 200 })
    t.same(await kept(asked.refs), [])
    t.equal(sockets.length, 1)
    t.equal(sockets[0]?.destroyed, false)
  })
}
