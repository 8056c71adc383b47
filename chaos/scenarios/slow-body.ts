import { succeeded } from '../client.js'
import { rowOf } from '../rows.js'
import { counted, timed, type Scenario } from '../scenario.js'
import { percentile } from '../tally.js'

/** Milliseconds from one byte to the next. */
const PACE = 1000

/** More than the gateway holds back until it is whole. */
const LENGTH = 100_000

const OTHERS_WITHIN = 100

export const slowBody: Scenario = {
  name: 'slow-body',
  about: 'one of 3 upstreams sends one byte a second',
  compared: false,
  run: async stage => {
    const upstreams = await stage.upstreams({}, ['a', 'b'])
    const target = await stage.scripted(socket => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nX-Upstream: slow\r\nContent-Length: ${LENGTH}\r\n\r\n`)
        const timer = setInterval(() => { socket.write('x') }, PACE)
        socket.once('close', () => { clearInterval(timer) })
      })
    })
    const gateway = await stage.gateway({ targets: [target, ...upstreams.map(({ url }) => url)] })
    const load = stage.load(gateway, { rate: 100, count: stage.short ? 200 : 500, patience: stage.short ? 2500 : 6000 })
    const answers = await load.answers
    const others = answers.filter(({ upstream }) => upstream !== 'slow')
    const failed = others.filter(answer => !succeeded(answer)).length
    return [await rowOf({
      scenario: 'slow-body',
      gateway,
      answers: others,
      pledges: () => [
        counted(`0 failed of the ${others.length} that others got`, failed, failed === 0),
        timed(`their p99 at most ${OTHERS_WITHIN} ms`, percentile(others.map(({ ms }) => ms), 0.99), OTHERS_WITHIN)
      ]
    })]
  }
}
