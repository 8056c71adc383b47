import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { rowOf } from '../rows.js'
import { counted, timed, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

/** How long the gateway may take, ms; and a short run, which may have to share the machine. */
const GRACE = 3000
const LONG_GRACE = 10_000

/** What a short run is slowed down to. A gateway that is behind by more than it lingers can not tell its clients in time. */
const RATE = 40
const WARM_UP = 500

/** Milliseconds beyond the grace. */
const EXIT = 200

export const sigterm: Scenario = {
  name: 'sigterm',
  about: 'the gateway is asked to end while it serves, with 1,000 idle connections besides',
  compared: false,
  run: async stage => {
    const grace = stage.short ? LONG_GRACE : GRACE
    const upstreams = await stage.upstreams({ takes: [10, 100] })
    const gateway = await stage.balancer({ targets: upstreams.map(({ url }) => url), grace, ...stage.short && { warmUp: WARM_UP } })
    const idle = await idleConnections(stage, Number(new URL(gateway.url).port), stage.short ? 100 : 1000)
    const count = stage.short ? 120 : 1000
    const load = stage.load(gateway, { rate: stage.short ? RATE : stage.rate, count, posts: 0.2, polite: true })
    await load.reaches(count * 0.6)
    const report = await gateway.report()
    const since = Date.now()
    await gateway.retire()
    const took = Date.now() - since
    load.stop()
    const answers = await load.answers
    const open = idle.filter(({ closed }) => !closed).length
    return [await rowOf({
      scenario: 'sigterm',
      gateway,
      answers,
      report,
      pledges: ({ failedIdempotent, failedPosts }) => [
        counted('0 failed', failedIdempotent + failedPosts, failedIdempotent + failedPosts === 0),
        counted('no idle connection is left', open, open === 0),
        timed(`exit within ${grace + EXIT} ms`, took, grace + EXIT)
      ]
    })]
  }
}

/** Connections on which one request has been answered, and which are kept. */
async function idleConnections (stage: Stage, port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  stage.atEnd(async () => { for (const socket of sockets) socket.destroy() })
  while (sockets.length < count) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    socket.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n')
    // One piece of the answer is enough: the rest is taken as it comes.
    if (sockets.length % 50 === 0) await once(socket, 'data')
    socket.resume()
  }
  return sockets
}
