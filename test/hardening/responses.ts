import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { ok, rawClient, rawServer, values, Violation, type RawResponse } from '../kit/raw.js'
import type { Row } from './response-corpus.js'

/** Asks for every answer of a corpus, and for a plain one behind each, at once and byte by byte. */
export function assertRows (rows: readonly Row[]): void {
  for (const pieces of ['at once', 'in pieces']) {
    t.test(`answers sent ${pieces}`, async t => {
      const upstream = await rawServer(t, async connection => {
        for (let request; (request = await connection.request()) !== undefined;) {
          const row = rows[Number(request.target.slice(1))]
          const answer = row?.answer ?? ok('plain')
          await connection.send(...pieces === 'at once' ? [answer] : [answer.slice(0, 15), answer.slice(15, -8), ...answer.slice(-8)].filter(piece => piece !== ''))
          if (row?.ends === true) connection.end()
        }
        connection.end()
      })
      // A connection that ends without a byte may have gone stale, and would be asked for once more.
      const { app, port, log } = await gateway(t, { name: 'pool', retries: 0, targets: [upstream.url] })
      const ask = async (method: string, target: string): Promise<RawResponse | string> => {
        const client = await rawClient(t, port)
        await client.send(`${method} ${target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`)
        try {
          return (await client.responses(method))[0] ?? 'nothing'
        } catch (error) {
          if (error instanceof Violation) return `violation: ${error.message}`
          throw error
        }
      }

      for (const [i, { name, method = 'GET', expected }] of rows.entries()) {
        const requests = upstream.requests().length
        const response = await ask(method, `/${i}`)
        const wrong = difference(response, expected)
        t.ok(wrong === undefined, `${name} is ${typeof expected === 'string' ? expected : expected.status}${wrong === undefined ? '' : `, not ${wrong}`}`)
        const next = await ask('GET', '/plain')
        t.equal(difference(next, { status: 200, body: 'plain' }), undefined, `what comes behind ${name} is untouched`)
        t.equal(upstream.requests().length, requests + 2, 'nothing is asked twice')
      }
      await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
      t.same(upstream.violations(), [])
      // Fastify logs what is sent as a 5xx.
      const errors = log.filter(({ level }) => level >= 50).map(({ msg, err }) => `${(err as { code?: string } | undefined)?.code}: ${msg}`)
      t.same(errors.filter(line => !/^FST_BALANCER_(?:FAILED|BROKEN)/.test(line)), [], 'nothing else at level error')
    })
  }
}

/** What is wrong with a response, if anything. */
function difference (response: RawResponse | string, expected: Row['expected']): string | undefined {
  if (typeof response === 'string') return expected === '502 or cut' && response === 'nothing' ? undefined : response
  const { status, body, fields, complete, trailers } = response
  const got = `${status} ${JSON.stringify(body.slice(0, 100))} ${complete ? '' : 'cut '}${JSON.stringify(fields).slice(0, 500)}`
  if ([...fields, ...trailers].some(([name]) => name.toLowerCase() === 'x-injected')) return got
  if (expected === '502 or cut') return status === 502 || !complete ? undefined : got
  if (expected === '502') return status === 502 && complete && JSON.parse(body).code === 'FST_BALANCER_FAILED' ? undefined : got
  const same = status === expected.status && body === expected.body && complete &&
    (expected.fields ?? []).every(([name, value]) => values(fields, name).includes(value))
  return same ? undefined : got
}
