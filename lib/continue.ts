import { IncomingMessage, type Server, type ServerResponse } from 'node:http'

const kLazy = Symbol('fastify-balancer.lazyContinue')

declare module 'node:http' {
  interface Server {
    [kLazy]?: true
  }
}

/**
 * Answers `Expect: 100-continue` (RFC 9110 §10.1.1) when somebody begins to read the body, and not before: a client is asked
 * for its upload once there is an upstream to send it to, and never when a hook has refused it. A response without a
 * `100 Continue` ends the connection unless the body has come all the same, since nobody can know whether it still will.
 *
 * An app with a `checkContinue` listener of its own is left alone. Done once per server.
 */
export function continueLazily (server: Server): void {
  if (server[kLazy] === true || server.listenerCount('checkContinue') > 0) return
  server[kLazy] = true
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request instanceof IncomingMessage) {
      let keepAlive = response.shouldKeepAlive
      let asked = false
      const ask = (): void => {
        if (response.headersSent) return
        asked = true
        response.writeContinue()
      }
      // Node reads it once, when it writes the head of the answer.
      Object.defineProperty(response, 'shouldKeepAlive', {
        configurable: true, get: () => keepAlive && (asked || request.complete), set: (value: boolean) => { keepAlive = value }
      })
      const read = request._read
      request._read = function (size) {
        request._read = read
        // Behind the answer to an earlier request of the connection Node would put it between the head and the body of its own.
        if (response.socket === null) response.once('socket', ask)
        else ask()
        read.call(request, size)
      }
    } else {
      response.writeContinue()
    }
    server.emit('request', request, response)
  })
}
