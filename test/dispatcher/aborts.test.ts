import { EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { Pool } from '../../lib/index.js'
import { named, rawUpstream, until, upstream, type Upstream } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

/** A target that answers with `start`, and another one that no abort may lead to. */
async function two (t: Test, start: (response: ServerResponse) => void): Promise<{ pool: Pool, first: Upstream, second: Upstream, closed: () => boolean }> {
  let closed = false
  const first = await upstream(t, (request, response) => {
    request.on('error', () => {}).resume()
    response.once('close', () => { closed = !response.writableFinished })
    start(response)
  })
  const second = await named(t, 'second')
  const pool = await pooled(t, { policy: 'first', targets: [first.url, second.url] })
  return { pool, first, second, closed: () => closed }
}

t.test('a signal that is aborted already costs no target a request', async t => {
  const { pool, first, second } = await two(t, response => { response.end() })
  const reason = new Error('mine')
  await t.rejects(pool.request({ method: 'GET', path: '/', signal: AbortSignal.abort(reason) }), reason)
  await t.rejects(pool.stream({ method: 'GET', path: '/', signal: AbortSignal.abort(reason), opaque: null }, () => new PassThrough()), { code: 'UND_ERR_ABORTED' })
  await t.rejects(pool.request({ method: 'GET', path: '/', signal: AbortSignal.abort() }), { name: 'AbortError' })
  t.same([first.hits(), second.hits()], [0, 0])
  t.same(pool.targets.map(({ counters }) => counters.attempts), [0, 0])
})

t.test('a signal that is aborted while a connection is being made rejects at once', async t => {
  let connections = 0
  const hole = (await rawUpstream(t, () => { connections++ })).replace('http', 'https')
  const second = await named(t, 'second')
  const pool = await pooled(t, { policy: 'first', targets: [hole, second.url], timeouts: { connect: 60_000 } })
  const gone = new AbortController()
  const answer = pool.request({ method: 'POST', path: '/', body: 'x', signal: gone.signal })
  await until(() => connections === 1)
  gone.abort()
  await t.rejects(answer, { name: 'AbortError' })
  t.same(leftOvers(pool), [])
  t.match(pool.targets[0], { counters: { aborted: 1 } })
  t.equal(second.hits(), 0)
})

t.test('a signal that is aborted before the headers closes the request upstream', async t => {
  const { pool, first, second, closed } = await two(t, () => {})
  const gone = new AbortController()
  const reason = new Error('mine')
  const answer = pool.request({ method: 'GET', path: '/', signal: gone.signal })
  await until(() => first.hits() === 1)
  gone.abort(reason)
  await t.rejects(answer, reason)
  await until(closed)
  t.same(leftOvers(pool), [])
  t.equal(second.hits(), 0)
})

t.test('an EventEmitter serves as a signal, as it does for undici', async t => {
  const { pool, first, closed } = await two(t, () => {})
  const gone = new EventEmitter()
  const answer = pool.request({ method: 'GET', path: '/', signal: gone })
  await until(() => first.hits() === 1)
  gone.emit('abort')
  await t.rejects(answer, { code: 'UND_ERR_ABORTED' })
  await until(closed)
  t.same(leftOvers(pool), [])
})

t.test('a signal that is aborted in the middle of the body ends the body', async t => {
  const { pool, second, closed } = await two(t, response => { response.write('first') })
  const gone = new AbortController()
  const { body } = await pool.request({ method: 'GET', path: '/', signal: gone.signal })
  await once(body, 'data')
  t.equal(pool.targets[0]?.inFlight, 1)
  gone.abort()
  await t.rejects(body.text(), { name: 'AbortError' })
  await until(closed)
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { attempts: 1, aborted: 1 } })
  t.equal(second.hits(), 0)
})

t.test('a body that is destroyed ends its request', async t => {
  const { pool, closed } = await two(t, response => { response.write('first') })
  const { body } = await pool.request({ method: 'GET', path: '/' })
  body.on('error', () => {})
  body.destroy()
  await until(closed)
  await until(() => leftOvers(pool).length === 0)
  t.match(pool.targets[0], { counters: { attempts: 1, aborted: 1 } })
})

t.test('a signal that is aborted after the answer changes nothing', async t => {
  const { pool, first } = await two(t, response => { response.end('whole') })
  const gone = new AbortController()
  const { body } = await pool.request({ method: 'GET', path: '/', signal: gone.signal })
  t.equal(await body.text(), 'whole')
  gone.abort()
  t.same(leftOvers(pool), [])
  t.equal((await pool.request({ method: 'GET', path: '/' })).statusCode, 200)
  t.equal(first.hits(), 2)
})

/** Notes the calls it gets, and aborts in the one that is asked for. */
function noting (abortIn: string, shape: 'callbacks' | 'controller'): { calls: string[], over: Promise<void>, handler: Dispatcher.DispatchHandler } {
  const calls: string[] = []
  let end: () => void = () => {}
  const over = new Promise<void>(resolve => { end = resolve })
  let abort: (reason: Error) => void = () => {}
  const call = (name: string): true => {
    calls.push(name)
    if (name === abortIn) abort(new Error('mine'))
    if (name === 'error' || name === 'end') setImmediate(end)
    return true
  }
  const handler: Dispatcher.DispatchHandler = shape === 'callbacks'
    ? {
        onConnect (aborting) {
          abort = reason => { aborting(reason) }
          call('start')
        },
        onHeaders: () => call('headers'),
        onData: () => call('data'),
        onComplete () { call('end') },
        onError () { call('error') }
      }
    : {
        onRequestStart (controller) {
          abort = reason => { controller.abort(reason) }
          call('start')
        },
        onResponseStart () { call('headers') },
        onResponseData () { call('data') },
        onResponseEnd () { call('end') },
        onResponseError () { call('error') }
      }
  return { calls, over, handler }
}

for (const shape of ['callbacks', 'controller'] as const) {
  for (const kind of ['small', 'streamed'] as const) {
    t.test(`a handler of ${shape} that aborts in any call of a ${kind} answer hears of the error once and of nothing after it`, async t => {
      const { pool, second } = await two(t, response => {
        if (kind === 'small') response.setHeader('content-length', 4)
        response.end('body')
      })
      const wanted = { start: ['start', 'error'], headers: ['start', 'headers', 'error'], data: ['start', 'headers', 'data', 'error'], none: ['start', 'headers', 'data', 'end'] }
      for (const [abortIn, expected] of Object.entries(wanted)) {
        const { calls, over, handler } = noting(abortIn, shape)
        pool.dispatch({ method: 'GET', path: '/' }, handler)
        await over
        t.same(calls, expected, `aborted in ${abortIn}`)
      }
      t.same(leftOvers(pool), [])
      t.equal(second.hits(), 0)
    })
  }
}
