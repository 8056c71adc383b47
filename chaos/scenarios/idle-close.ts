import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

/** The longest that a connection stays open after an answer, ms. */
const LONGEST_IDLE = 8

export const idleClose: Scenario = {
  name: 'idle-close',
  about: 'upstreams close idle connections 0 to 8 ms after an answer, often just as they are used again',
  compared: false,
  run: async stage => {
    const posted: string[] = []
    const targets = await Promise.all(['a', 'b'].map(async () => await stage.server(hasty(path => { posted.push(path) }))))
    const gateway = await stage.gateway({ targets })
    const load = stage.load(gateway, { rate: stage.short ? 200 : 400, count: stage.short ? 1000 : 10_000, posts: 0.3 })
    const answers = await load.answers
    const duplicated = posted.length - new Set(posted).size
    return [await rowOf({
      scenario: 'idle-close',
      gateway,
      answers,
      pledges: ({ failedIdempotent }) => [
        counted('0 failed GET', failedIdempotent, failedIdempotent === 0),
        counted('0 duplicated POST', duplicated, duplicated === 0)
      ]
    })]
  }
}

/** A server that is told of every POST, and closes a connection soon after it has become idle. */
function hasty (onPost: (path: string) => void) {
  const closing = new WeakMap<Socket, NodeJS.Timeout>()
  return createServer((request, response) => {
    const { socket } = request
    clearTimeout(closing.get(socket))
    if (request.method === 'POST') onPost(request.url ?? '')
    request.resume()
    request.once('end', () => { response.end('ok') })
    response.once('finish', () => {
      closing.set(socket, setTimeout(() => { socket.destroy() }, Math.random() * LONGEST_IDLE))
    })
  })
}
