import t from 'tap'
import type { Dispatcher } from 'undici'
import { answering, named, upstream } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

const GET = { method: 'GET', path: '/' } as const

type Callbacks = Required<Pick<Dispatcher.DispatchHandler, 'onConnect' | 'onHeaders' | 'onData' | 'onComplete' | 'onError'>> & Dispatcher.DispatchHandler

/** A handler whose `failing` call throws; resolves with the calls it got, each error by its message. */
async function throwing (dispatch: (handler: Dispatcher.DispatchHandler) => void, shape: 'callbacks' | 'controller', failing: string): Promise<string[]> {
  const calls: string[] = []
  await new Promise<void>(resolve => {
    const call = (name: string): true => {
      calls.push(name)
      if (name === 'end' && failing !== 'end') setImmediate(resolve)
      if (name === failing) throw new Error('mine')
      return true
    }
    const fail = (error: Error): void => {
      calls.push(`error: ${error.message}`)
      // A second call would come in this turn.
      setImmediate(resolve)
    }
    const callbacks: Callbacks = {
      onConnect: () => { call('start') },
      onResponseStarted: () => { call('started') },
      onHeaders: status => call(status < 200 ? 'hints' : 'headers'),
      onData: () => call('data'),
      onComplete: () => { call('end') },
      onError: fail,
      onBodySent: () => { call('body sent') }
    }
    const controller: Dispatcher.DispatchHandler = {
      onRequestStart: () => { call('start') },
      onResponseStart: (_controller, status) => { call(status < 200 ? 'hints' : 'headers') },
      onResponseData: () => { call('data') },
      onResponseEnd: () => { call('end') },
      onResponseError: (_controller, error) => { fail(error) }
    }
    dispatch(shape === 'callbacks' ? callbacks : controller)
  })
  return calls
}

const ANSWERS = {
  small: 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  streamed: 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'
}

/** Each message, the hints and the answer, starts by itself. */
const CALLS = {
  callbacks: ['start', 'body sent', 'started', 'hints', 'started', 'headers', 'data', 'end'],
  controller: ['start', 'hints', 'headers', 'data', 'end']
}

for (const [kind, answer] of Object.entries(ANSWERS)) {
  for (const shape of ['callbacks', 'controller'] as const) {
    t.test(`a handler of ${shape} gets every call of a ${kind} answer in order`, async t => {
      const pool = await pooled(t, { targets: [await answering(t, answer)] })
      const heard = await throwing(handler => pool.dispatch({ ...GET, method: 'POST', body: 'x' }, handler), shape, 'none')
      t.same(heard, CALLS[shape])
      t.same(leftOvers(pool), [])
    })

    for (const failing of new Set(CALLS[shape])) {
      t.test(`a handler of ${shape} that throws in '${failing}' of a ${kind} answer hears its error once, and no target is blamed or asked again`, async t => {
        const first = await answering(t, answer)
        const second = await named(t, 'second')
        const pool = await pooled(t, { policy: 'first', targets: [first, second.url] })
        const heard = await throwing(handler => pool.dispatch({ ...GET, method: 'PUT', body: 'x' }, handler), shape, failing)
        t.equal(heard.at(-1), 'error: mine')
        t.equal(heard.indexOf(failing), heard.length - 2, 'nothing came after the call that threw')
        t.same(leftOvers(pool), [])
        t.equal(second.hits(), 0)
      })
    }
  }
}

t.test('a handler that throws does not disturb other requests', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  const others = Array.from({ length: 50 }, async () => (await pool.request(GET)).statusCode)
  for (let i = 0; i < 20; i++) await throwing(handler => pool.dispatch(GET, handler), 'callbacks', 'headers')
  t.same(new Set(await Promise.all(others)), new Set([200]))
  t.same(leftOvers(pool), [])
})

for (const shape of ['callbacks', 'controller'] as const) {
  t.test(`a handler of ${shape} may pause a streamed answer and go on later`, async t => {
    const target = await upstream(t, (_request, response) => { response.end(Buffer.alloc(1_000_000)) })
    const pool = await pooled(t, { targets: [target.url] })
    let bytes = 0
    let paused = 0
    await new Promise<void>((resolve, reject) => {
      let resume: () => void = () => {}
      const take = (chunk: Buffer): void => {
        bytes += chunk.length
        paused++
        setImmediate(() => { resume() })
      }
      pool.dispatch(GET, shape === 'callbacks'
        ? {
            onConnect () {},
            onHeaders (_status, _headers, resuming) {
              resume = resuming
              return true
            },
            onData (chunk) {
              take(chunk)
              return false
            },
            onComplete () { resolve() },
            onError: reject
          }
        : {
            onRequestStart (controller) { resume = () => { controller.resume() } },
            onResponseData (controller, chunk) {
              controller.pause()
              take(chunk)
            },
            onResponseEnd () { resolve() },
            onResponseError (_controller, error) { reject(error) }
          })
    })
    t.equal(bytes, 1_000_000)
    t.ok(paused > 1)
    t.same(leftOvers(pool), [])
  })
}
