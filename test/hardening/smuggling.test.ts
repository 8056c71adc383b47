import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { answeringEach, ok, rawClient, rawServer, values, type RawClient, type RawRequest, type RawResponse } from '../kit/raw.js'
import { CHUNKS, CODINGS, HEADS, LENGTHS, NEXT, type Row } from './smuggling-corpus.js'

/** Everything up to the end of the connection, or what is wrong with it. */
async function answers (client: RawClient): Promise<RawResponse[] | string> {
  try {
    return await client.responses('GET', 'GET')
  } catch (error) {
    return String(error)
  }
}

for (const [what, rows] of Object.entries({ lengths: LENGTHS, codings: CODINGS, chunks: CHUNKS, heads: HEADS })) {
  for (const pieces of ['at once', 'in pieces']) {
    t.test(`${what}, sent ${pieces}`, async t => {
      const seen: RawRequest[] = []
      // One gateway for all of them: what one request leaves on a connection upstream would get into the next.
      const upstream = await rawServer(t, answeringEach(request => {
        seen.push(request)
        return ok(request.target)
      }))
      const { app, port, log } = await gateway(t, { name: 'pool', targets: [upstream.url] })

      const assertRow = async ({ bytes, expected: wanted, orRefused, alone }: Row): Promise<string | undefined> => {
        seen.length = 0
        const next = alone === true ? '' : NEXT
        const client = await rawClient(t, port)
        // A refusal may well come before the last byte.
        const all = pieces === 'at once' ? [bytes + next] : [bytes.slice(0, 7), bytes.slice(7, -6), ...bytes.slice(-6), next]
        await client.send(...all)
        if (wanted === 'unfinished') {
          await until(() => upstream.connections.some(({ unfinished }) => unfinished.includes('POST /a')))
          client.reset()
          await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
          return seen.length === 0 && client.received === '' ? undefined : `answered ${client.received}`
        }
        const responses = await answers(client)
        const statuses = typeof responses === 'string' ? responses : responses.map(({ status }) => status).join()
        const expected = orRefused === true && statuses.startsWith('4') ? 'refused' : wanted
        const requests = seen.map(({ method, target, body }) => `${method} ${target} ${JSON.stringify(body)}`)
        const untouched = (): boolean => seen.every(({ target, fields }) => target === '/next' ? values(fields, 'x-next').join() === 'untouched' : expected !== 'refused')
        const got = `client ${statuses}, upstream ${requests.join(' and ') || 'nothing'}`
        // One that is refused by the app itself may leave the connection to the next.
        if (expected === 'refused') return /^(?:(?:4\d\d|501)(?:,200)?|)$/.test(statuses) && requests.length <= (statuses.endsWith('200') ? 1 : 0) && untouched() ? undefined : got
        const whole = JSON.stringify(requests.sort()) === JSON.stringify([...expected].sort()) && statuses === expected.map(() => '200').join()
        return whole && untouched() ? undefined : got
      }

      for (const row of rows) {
        const wrong = await assertRow(row)
        t.ok(wrong === undefined, `${JSON.stringify(row.name)} is ${typeof row.expected === 'string' ? row.expected : 'passed on'}${wrong === undefined ? '' : `, not ${wrong}`}`)
      }
      t.same(upstream.violations(), [], 'nothing that a strict parser would refuse')
      await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
      t.match(app.upstreams['pool']?.targets[0], { counters: { faults: 0 } }, 'no target is blamed')
      const warnings = log.filter(({ level, err }) => level >= 40 && (err as { statusCode?: number } | undefined)?.statusCode !== 501)
      t.same(warnings, [], 'nothing to warn of')
    })
  }
}
