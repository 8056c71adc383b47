import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import type { RouteOptions } from '../../lib/index.js'
import { gateway } from './index.js'
import { answeringEach, ok, rawClient, rawServer, type RawRequest, type RawResponse } from './raw.js'

export interface Through {
  /** What the upstream got, as it came on the wire; undefined when nothing was sent to it. */
  readonly got: RawRequest | undefined
  readonly answer: RawResponse
}

/**
 * A gateway before an upstream of bytes.
 *
 * @returns sends one request, given as its lines, and tells what came of it
 */
export async function through (
  t: Test,
  route: Partial<RouteOptions> = {},
  fastifyOptions: FastifyServerOptions & { before?: (app: FastifyInstance) => unknown } = {},
  answer: string = ok()
): Promise<(lines: readonly string[], body?: string) => Promise<Through>> {
  const server = await rawServer(t, answeringEach(() => answer))
  const { port } = await gateway(t, { targets: [server.url], ...route }, fastifyOptions)
  return async (lines, body = '') => {
    const before = server.requests().length
    const client = await rawClient(t, port)
    await client.send(`${lines.join('\r\n')}\r\n\r\n${body}`)
    const response = await client.response(lines[0]?.split(' ', 1)[0])
    client.destroy()
    t.same(server.violations(), [])
    if (response === undefined) throw new Error('the gateway has not answered')
    return { got: server.requests()[before], answer: response }
  }
}
