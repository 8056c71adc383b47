import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

/** Enough to start with, and soon used up. */
const DESCRIPTORS = 128
const CONNECTIONS = 200

/** How long the gateway is short of descriptors, ms. */
const SHORTAGE = 1500

export const fdExhaustion: Scenario = {
  name: 'fd-exhaustion',
  about: 'the gateway may open no more descriptors for a while',
  compared: false,
  run: async stage => {
    const upstreams = await stage.upstreams()
    const gateway = await stage.balancer({ targets: upstreams.map(({ url }) => url) }, { descriptors: DESCRIPTORS })
    const sockets: Socket[] = []
    const release = async (): Promise<void> => { for (const socket of sockets.splice(0)) socket.destroy() }
    stage.atEnd(release)
    const port = Number(new URL(gateway.url).port)
    for (let number = 0; number < CONNECTIONS; number++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      sockets.push(socket)
      // Those that got in ask for connections to the upstreams, for which there are no descriptors left.
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n')
      socket.resume()
    }
    await sleep(SHORTAGE)
    await release()
    const load = stage.load(gateway, { rate: 100, count: 200 })
    const answers = await load.answers
    return [await rowOf({
      scenario: 'fd-exhaustion',
      gateway,
      answers,
      pledges: ({ failedIdempotent }) => [
        { text: 'the process lives', kept: gateway.running, found: 'it has ended', about: 'counts' },
        counted('0 failed afterwards', failedIdempotent, failedIdempotent === 0)
      ]
    })]
  }
}
