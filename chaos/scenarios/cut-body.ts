import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { succeeded } from '../client.js'
import type { Row } from '../scenario.js'

/** Far more than anybody keeps to see how it ends. */
const PIECE = 'x'.repeat(256 * 1024)

const HEADS = {
  length: `Content-Length: ${2 * PIECE.length}\r\n\r\n`,
  chunked: `Transfer-Encoding: chunked\r\n\r\n${PIECE.length.toString(16)}\r\n`
} as const

/** Between the first half and the end of the connection, ms. */
const PAUSE = 20

export const cutBody: Scenario = {
  name: 'cut-body',
  about: 'upstreams break off in the middle of the body',
  compared: false,
  run: async stage => [await cut(stage, 'length', 'end'), await cut(stage, 'chunked', 'end'), await cut(stage, 'chunked', 'reset')]
}

async function cut (stage: Stage, framing: keyof typeof HEADS, ending: 'end' | 'reset'): Promise<Row> {
  let seen = 0
  const targets = await Promise.all(['a', 'b'].map(async () => await stage.scripted(socket => {
    socket.once('data', () => {
      seen++
      socket.write(`HTTP/1.1 200 OK\r\n${HEADS[framing]}${PIECE}`, () => {
        setTimeout(() => { if (ending === 'reset') socket.resetAndDestroy(); else socket.end() }, PAUSE)
      })
    })
  })))
  const gateway = await stage.gateway({ targets })
  const load = stage.load(gateway, { rate: 50, count: stage.short ? 50 : 150 })
  const answers = await load.answers
  const whole = answers.filter(succeeded).length
  return await rowOf({
    scenario: `cut-body, ${framing}, ${ending}`,
    gateway,
    answers,
    pledges: () => [
      counted('0 that look whole', whole, whole === 0),
      counted('0 repeated', seen - answers.length, seen === answers.length)
    ]
  })
}
