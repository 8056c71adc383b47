import { PassThrough } from 'node:stream'
import t from 'tap'
import { Client, type Dispatcher } from 'undici'
import { callbackHandler, type Handler } from '../lib/handler.js'
import { upstream } from './kit/index.js'

type Controller = Dispatcher.DispatchController

/** A controller-shaped handler that notes what it is told, and the controller it is given. */
function recorder (extra: Dispatcher.DispatchHandler = {}): { adapted: Handler, calls: unknown[][], controller: () => Controller } {
  const calls: unknown[][] = []
  let latest: Controller | undefined
  const note = (controller: Controller, ...call: unknown[]): void => {
    latest = controller
    calls.push(call)
  }
  const adapted = callbackHandler({
    onRequestStart (controller, context) { note(controller, 'start', context) },
    onResponseStart (controller, status, headers, statusText) { note(controller, 'head', status, { ...headers }, statusText) },
    onResponseData (controller, chunk) { note(controller, 'data', chunk.toString()) },
    onResponseEnd (controller, trailers) { note(controller, 'end', { ...trailers }) },
    onResponseError (controller, error) { note(controller, 'error', error) },
    onRequestUpgrade (controller, status, headers, socket) { note(controller, 'upgrade', status, { ...headers }, socket) },
    ...extra
  })
  const controller = (): Controller => {
    if (latest === undefined) throw new Error('nothing was called')
    return latest
  }
  return { adapted, calls, controller }
}

const raw = (...fields: string[]): Buffer[] => fields.map(field => Buffer.from(field))

t.test('a handler in callback shape is taken as it is', async t => {
  const handler: Handler = { onConnect () {}, onHeaders: () => true, onData: () => true, onComplete () {}, onError () {} }
  t.equal(callbackHandler(handler), handler)
})

t.test('a handler in controller shape hears of a response from start to end', async t => {
  const { adapted, calls, controller } = recorder()
  adapted.onConnect(() => {})
  const head = raw('Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2')
  t.equal(adapted.onHeaders(200, head, () => {}, 'OK'), true)
  t.equal(controller().rawHeaders, head)
  t.equal(adapted.onData(Buffer.from('one')), true)
  t.equal(adapted.onData(Buffer.from('two')), true)
  const trailers = raw('X-Sum', '7') as unknown as string[]
  adapted.onComplete(trailers)
  t.equal(controller().rawTrailers, trailers)
  t.strictSame(calls, [
    ['start', null],
    ['head', 200, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }, 'OK'],
    ['data', 'one'],
    ['data', 'two'],
    ['end', { 'x-sum': '7' }]
  ])
})

t.test('informational headers come before the final ones', async t => {
  const { adapted, calls } = recorder()
  adapted.onConnect(() => {})
  adapted.onHeaders(103, raw('Link', '</a.css>'), () => {}, 'Early Hints')
  adapted.onHeaders(200, raw(), () => {}, 'OK')
  adapted.onComplete(null)
  t.strictSame(calls, [['start', null], ['head', 103, { link: '</a.css>' }, 'Early Hints'], ['head', 200, {}, 'OK'], ['end', {}]])
})

t.test('a handler that pauses is told to others as full, until it resumes', async t => {
  const { adapted, controller } = recorder()
  let resumed = 0
  adapted.onConnect(() => {})
  adapted.onHeaders(200, raw(), () => { resumed++ }, 'OK')
  controller().resume()
  t.equal(resumed, 0, 'there was nothing to resume')
  controller().pause()
  t.equal(controller().paused, true)
  t.equal(adapted.onData(Buffer.from('x')), false)
  t.equal(resumed, 0)
  controller().resume()
  t.equal(resumed, 1)
  t.equal(controller().paused, false)
  controller().resume()
  t.equal(resumed, 1)
  t.equal(adapted.onData(Buffer.from('y')), true)
})

t.test('a handler may pause at the headers already', async t => {
  const { adapted, controller } = recorder({ onResponseStart (controller) { controller.pause() } })
  let resumed = false
  adapted.onConnect(() => {})
  t.equal(adapted.onHeaders(200, raw(), () => { resumed = true }, 'OK'), false)
  controller().resume()
  t.equal(resumed, true)
})

t.test('an abort reaches the exchange once, with its reason', async t => {
  const { adapted, controller } = recorder()
  const reasons: unknown[] = []
  adapted.onConnect(reason => { reasons.push(reason) })
  t.strictSame([controller().aborted, controller().reason], [false, null])
  const reason = new Error('enough')
  controller().abort(reason)
  controller().abort(new Error('again'))
  t.strictSame([controller().aborted, controller().reason], [true, reason])
  t.strictSame(reasons, [reason])
})

t.test('a failure before the start still comes with a controller', async t => {
  const { adapted, calls, controller } = recorder()
  const error = new Error('no target')
  adapted.onError(error)
  t.strictSame(calls, [['error', error]])
  t.doesNotThrow(() => {
    controller().pause()
    controller().resume()
    controller().abort(error)
  })
})

t.test('a failure after the start comes with the controller of the start', async t => {
  const { adapted, calls, controller } = recorder()
  adapted.onConnect(() => {})
  const before = controller()
  const error = new Error('reset')
  adapted.onError(error)
  t.equal(controller(), before)
  t.strictSame(calls.at(-1), ['error', error])
})

t.test('an upgraded connection is handed over with its headers', async t => {
  const { adapted, calls, controller } = recorder()
  const socket = new PassThrough()
  adapted.onConnect(() => {})
  const head = raw('Upgrade', 'websocket')
  adapted.onUpgrade?.(101, head, socket)
  t.equal(controller().rawHeaders, head)
  t.strictSame(calls.at(-1)?.slice(0, 3), ['upgrade', 101, { upgrade: 'websocket' }])
  t.equal(calls.at(-1)?.[3], socket)
})

t.test('a handler that listens to nothing but the start may hear of everything', async t => {
  const adapted = callbackHandler({ onRequestStart () {} })
  t.doesNotThrow(() => {
    adapted.onConnect(() => {})
    t.equal(adapted.onHeaders(200, raw(), () => {}, 'OK'), true)
    t.equal(adapted.onData(Buffer.from('x')), true)
    adapted.onComplete([])
    adapted.onUpgrade?.(101, raw(), new PassThrough())
    adapted.onError(new Error('x'))
  })
})

t.test('what a handler throws comes out, for the attempt to deal with', async t => {
  const thrown = new Error('mine')
  const { adapted } = recorder({ onRequestStart () { throw thrown } })
  t.throws(() => { adapted.onConnect(() => {}) }, thrown)
})

t.test('undici itself would make the same calls', async t => {
  const { url } = await upstream(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.writeHead(201, 'Made', { 'x-a': '1', 'set-cookie': ['a=1', 'b=2'], trailer: 'x-sum', date: 'today' })
    response.write('one')
    response.addTrailers({ 'x-sum': '7' })
    response.end()
  })
  const client = new Client(url)
  t.teardown(async () => { await client.close() })

  const calls = async (adapt: boolean): Promise<unknown[][]> => {
    const calls: unknown[][] = []
    await new Promise<void>((resolve, reject) => {
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart (controller) { calls.push(['start', controller.aborted, controller.paused, controller.reason]) },
        onResponseStart (controller, status, headers, statusText) { calls.push(['head', status, { ...headers }, statusText, String(controller.rawHeaders)]) },
        onResponseData (_controller, chunk) { calls.push(['data', chunk.toString()]) },
        onResponseEnd (controller, trailers) {
          calls.push(['end', { ...trailers }, String(controller.rawTrailers)])
          resolve()
        },
        onResponseError (_controller, error) { reject(error) }
      }
      client.dispatch({ path: '/', method: 'GET' }, adapt ? callbackHandler(handler) as Dispatcher.DispatchHandler : handler)
    })
    return calls
  }

  const expected = await calls(false)
  t.equal(expected.length, 5)
  t.strictSame(await calls(true), expected)
})
