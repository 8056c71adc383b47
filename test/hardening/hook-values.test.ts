import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { BalancerOptions } from '../../lib/index.js'
import { gateway } from '../kit/index.js'
import { answeringEach, ok, rawClient, rawServer, Violation } from '../kit/raw.js'

type Options = Omit<Exclude<BalancerOptions, { pools?: unknown }>, 'targets'>
type Headers = Record<string, string | string[] | undefined>

const INJECTIONS = ['b\r\nX-Injected: 1', 'b\nX-Injected: 1', 'b\rX-Injected: 1', 'b\r\n\r\nGET /injected HTTP/1.1\r\nHost: x\r\n\r\n', 'b\0', '\r\n', 'b\u010d\u010a']

/** Where a user's code may write a value: options that write what the function gives. */
const PLACES: Record<string, (value: () => string) => object> = {
  'rewriteRequestHeaders, a value': value => ({ replyOptions: { rewriteRequestHeaders: (_: unknown, headers: Headers) => ({ ...headers, 'x-a': value() }) } }),
  'rewriteRequestHeaders, a list': value => ({ replyOptions: { rewriteRequestHeaders: (_: unknown, headers: Headers) => ({ ...headers, 'x-a': ['b', value()] }) } }),
  'rewriteRequestHeaders, a name': value => ({ replyOptions: { rewriteRequestHeaders: (_: unknown, headers: Headers) => ({ ...headers, [value()]: 'a' }) } }),
  'rewriteRequestHeaders, the host': value => ({ replyOptions: { rewriteRequestHeaders: (_: unknown, headers: Headers) => ({ ...headers, host: value() }) } }),
  'request.headers': value => ({ preHandler: async (request: FastifyRequest) => { request.headers['x-a'] = value() } }),
  'rewriteHeaders, a value': value => ({ replyOptions: { rewriteHeaders: (headers: Headers) => ({ ...headers, 'x-a': value() }) } }),
  'rewriteHeaders, a name': value => ({ replyOptions: { rewriteHeaders: (headers: Headers) => ({ ...headers, [value()]: 'a' }) } }),
  'reply.header in preHandler': value => ({ preHandler: async (_: unknown, reply: FastifyReply) => { void reply.header('x-a', value()) } }),
  'reply.header in onSend': value => ({ onSend: async (_: unknown, reply: FastifyReply) => { void reply.header('x-a', value()) } }),
  preRewrite: value => ({ preRewrite: (url: string) => url + value() }),
  queryString: value => ({ replyOptions: { queryString: () => `a=${value()}` } })
}

for (const [place, options] of Object.entries(PLACES)) {
  t.test(`a line break that is written by ${place} gets nowhere`, async t => {
    let value = 'plain'
    const upstream = await rawServer(t, answeringEach(() => ok()))
    const { app, port } = await gateway(t, { name: 'pool', targets: [upstream.url], ...options(() => value) as Options })
    const ask = async (): Promise<string> => {
      const client = await rawClient(t, port)
      await client.send('GET /a HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n')
      const [response] = await client.responses('GET').catch((error: unknown) => {
        // An onSend hook runs too late for us: Fastify leaves the length of the answer that it could not send in the error that it sends.
        if (!(error instanceof Violation) || place !== 'reply.header in onSend') throw error
        return []
      })
      const [head = ''] = client.received.split('\r\n\r\n', 1)
      return /injected/i.test(head.replace(/x-injected/, place.endsWith('name') ? '' : '$&')) ? `injected: ${head}` : String(response?.status ?? 'nothing')
    }
    for (value of INJECTIONS) {
      // `\u010d\u010a` would be a line break when only the low bytes were written.
      const got = await ask()
      t.match(got, /^(?:400|500|nothing)$/, `${JSON.stringify(value)} is refused`)
    }
    t.same(upstream.violations(), [])
    t.notMatch(upstream.connections.map(({ received }) => received).join(), /injected/i, 'nothing is injected upstream')
    t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 0)
    value = 'plain'
    t.equal(await ask(), '200', 'the next one is well')
  })
}
