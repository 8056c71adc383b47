import type { Socket } from 'node:net'
import { rowOf } from '../rows.js'
import { counted, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

export const resetBefore: Scenario = {
  name: 'reset-before',
  about: 'one of 3 upstreams resets every connection once it has read the request',
  compared: false,
  run: async stage => [await resetting(stage, 'reset-before', socket => {
    socket.once('data', () => { socket.resetAndDestroy() })
  })]
}

export const resetInHeaders: Scenario = {
  name: 'reset-in-headers',
  about: 'one of 3 upstreams resets every connection in the middle of the response headers',
  compared: false,
  run: async stage => [await resetting(stage, 'reset-in-headers', socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\ncontent-len', () => { socket.resetAndDestroy() }) })
  })]
}

async function resetting (stage: Stage, scenario: string, script: (socket: Socket) => void): Promise<Row> {
  const upstreams = await stage.upstreams({}, ['a', 'b'])
  const target = await stage.scripted(script)
  const gateway = await stage.gateway({ targets: [target, ...upstreams.map(({ url }) => url)] })
  const since = Date.now()
  const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 100 : 1000, posts: 0.2 })
  return await rowOf({
    scenario,
    gateway,
    answers: await load.answers,
    fault: { target, since },
    pledges: ({ failedIdempotent }) => [counted('0 failed idempotent', failedIdempotent, failedIdempotent === 0)]
  })
}
