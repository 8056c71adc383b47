import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowOf } from '../rows.js'
import { counted, timed, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

const CONNECT = 300

/** A connection on loopback that has not been made after so many milliseconds never will be. */
const NEVER = 200

/** No backlog takes more. */
const MOST = 20

export const blackHole: Scenario = {
  name: 'black-hole',
  about: 'packets to one of 3 upstreams get no answer',
  compared: true,
  run: async stage => {
    const upstreams = await stage.upstreams({}, ['a', 'b'])
    const hole = await openHole(stage)
    const gateway = await stage.gateway({ targets: [hole, ...upstreams.map(({ url }) => url)], pool: { timeouts: { connect: CONNECT } } })
    const since = Date.now()
    const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 300 : 1750, posts: 0.2 })
    return [await rowOf({
      scenario: 'black-hole',
      gateway,
      answers: await load.answers,
      fault: { target: hole, since },
      pledges: ({ failedIdempotent, failedPosts, p99 }) => [
        counted('0 failed', failedIdempotent + failedPosts, failedIdempotent + failedPosts === 0),
        timed(`p99 at most ${CONNECT + 100} ms`, p99, CONNECT + 100)
      ]
    })]
  }
}

/** A listener that takes no connection from its backlog: once that is full, the system drops what comes. */
async function openHole (stage: Stage): Promise<string> {
  const { port, url } = await stage.upstream({ name: 'hole', deaf: true })
  const sockets: Socket[] = []
  stage.atEnd(async () => { for (const socket of sockets) socket.destroy() })
  for (;;) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    const made = await Promise.race([new Promise<true>(resolve => { socket.once('connect', () => { resolve(true) }) }), sleep(NEVER, false)])
    if (!made) return url
    if (sockets.length > MOST) throw new Error('the backlog does not fill')
  }
}
