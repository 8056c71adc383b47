/** Whole requests on a pool whose targets answer at once, without a connection. */
import type { Dispatcher } from 'undici'
import type { ExchangeOptions } from '../../lib/exchange.js'
import type { Handler } from '../../lib/handler.js'
import type { Build } from './build.js'
import type { Case } from './cases.js'
import { poolOf } from './pools.js'
import type { Subject } from './rounds.js'

const { hrtime } = process

/** How many are sent before the first of them is answered. */
const TOGETHER = 32
const REQUESTS = 1024
const BODY = Buffer.from('{"hello":"world","id":12345}')
const HEAD = ['Content-Type', 'application/json', 'Content-Length', String(BODY.length), 'Date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Connection', 'keep-alive']
  .map(text => Buffer.from(text))

/** Those that wait for their answers. */
const sent: Handler[] = []

function nothing (): void {}

/** In place of a target's connections, which would cost more than all the rest. */
function send (_options: Dispatcher.DispatchOptions, handler: Handler): void {
  handler.onConnect(nothing)
  handler.onRequestSent?.()
  sent.push(handler)
}

/** What a caller hears. */
class Ears implements Dispatcher.DispatchHandler {
  onConnect (): void {}
  onHeaders (): boolean { return true }
  onData (): boolean { return true }
  onComplete (): void {}
  onError (error: Error): void { throw error }
}

/** Two parts: from the request to the target's connection, and from the head of the answer to its end. */
export function dispatching (build: Build, example: Case, size: number): Subject {
  build.Target.prototype.dispatch = send
  const pool = poolOf(build, example, size)
  const requests = Array.from({ length: REQUESTS }, (_, i): ExchangeOptions => {
    const path = `/users/${String(i).padStart(13, '0')}`
    return { method: 'GET', path, headers: ['accept', 'application/json', 'user-agent', 'micro'], body: null, key: path }
  })
  let request = 0
  const ears = new Ears()

  const subject: Subject = {
    run (count) {
      let dispatch = 0n
      let settle = 0n
      for (let left = count; left > 0; left -= TOGETHER) {
        const together = Math.min(left, TOGETHER)
        const start = hrtime.bigint()
        for (let i = 0; i < together; i++) {
          request = (request + 1) & (REQUESTS - 1)
          pool.dispatch(requests[request] as ExchangeOptions, ears)
        }
        const middle = hrtime.bigint()
        for (let i = 0; i < together; i++) answer(sent[i])
        const end = hrtime.bigint()
        sent.length = 0
        dispatch += middle - start
        settle += end - middle
      }
      return [Number(dispatch), Number(settle)]
    }
  }
  // What is kept of a target is made with its first request.
  subject.run(2 * size)
  return subject
}

function answer (handler: Handler | undefined): void {
  handler?.onHeaders(200, HEAD, nothing, 'OK')
  handler?.onData(BODY)
  handler?.onComplete([])
}
