import t, { type Test } from 'tap'
import { gateway, REFUSING, until, type Gateway } from '../kit/index.js'
import { rawClient, rawServer, type RawConnection, type RawResponse } from '../kit/raw.js'
import { CLIENT, play, UPSTREAM, type ClientRow, type UpstreamRow } from './phase-corpus.js'

const NO_COUNTS = { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }

function counters ({ app }: Gateway): Readonly<Record<string, number>> {
  return { ...app.upstreams['pool']?.targets[0]?.counters }
}

/** Fastify logs what is sent as a 5xx; anything else at this level is a surprise. */
function assertQuiet (t: Test, { log }: Gateway): void {
  const codes = log.filter(({ level }) => level >= 50).map(({ err, msg }) => (err as { code?: string } | undefined)?.code ?? msg)
  t.same(codes.filter(code => !code.startsWith('FST_BALANCER_')), [], 'nothing else at level error')
}

async function assertUpstream (t: Test, row: Omit<UpstreamRow, 'sends' | 'then'>, url: string): Promise<void> {
  const at = await gateway(t, { name: 'pool', targets: [url], timeouts: { connect: 500, headers: 1000, idle: 1000 } })
  const client = await rawClient(t, at.port)
  const body = row.at === 'upload' ? 'x'.repeat(1_000_000) : ''
  await client.send(`POST /a HTTP/1.1\r\nHost: gateway\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  const response = await client.response()
  t.ok(isSeen(response, row.client), `${row.name}: the client sees ${row.client}, got ${response?.status} ${response?.complete}`)
  await until(() => at.app.upstreams['pool']?.targets[0]?.inFlight === 0)
  const counted = counters(at)
  const faults = row.outcome.includes('answered') ? 0 : 1
  t.ok(row.outcome.some(outcome => JSON.stringify(counted) === JSON.stringify({ ...NO_COUNTS, attempts: 1, [outcome]: 1, faults })),
    `${row.name}: ${row.outcome.join(' or ')}, got ${JSON.stringify(counted)}`)
  assertQuiet(t, at)
  client.destroy()
}

function isSeen (response: RawResponse | undefined, expected: UpstreamRow['client']): boolean {
  const cut = response === undefined || !response.complete
  if (typeof expected === 'string') return cut ? (response?.status ?? 200) === 200 : response.status === Number(expected.slice(0, 3))
  return response?.status === expected && response.complete
}

t.test('whatever an upstream does in whatever phase', { jobs: 8 }, async t => {
  for (const row of UPSTREAM) {
    t.test(row.name, async t => {
      let plays = 0
      const upstream = await rawServer(t, async connection => {
        plays++
        await play(row, connection)
      })
      await assertUpstream(t, row, upstream.url)
      t.same(upstream.violations(), [])
      t.ok(plays === 1 || row.at === 'accept', `asked ${plays} times`)
    })
  }
  t.test('refuses', async t => { await assertUpstream(t, { name: 'refuses', client: 502, outcome: ['unsent'] }, REFUSING) })
})

async function assertClient (t: Test, row: ClientRow): Promise<void> {
  const connections: RawConnection[] = []
  const upstream = await rawServer(t, async connection => {
    connections.push(connection)
    const request = await connection.request()
    if (request?.target === '/next') await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext')
    else if (row.when === 'answering') await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n')
    else if (row.when === 'answered') await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
    await connection.request().then(async next => { if (next !== undefined) await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext') })
  })
  const at = await gateway(t, { name: 'pool', targets: [upstream.url] })
  const client = await rawClient(t, at.port)
  await client.send(row.sends)
  if (row.when === 'begun') await until(() => at.app.upstreams['pool']?.targets[0]?.inFlight === 1 && connections.length === 1)
  if (row.when === 'asked') await until(() => upstream.requests().length === 1)
  if (row.when === 'answering') await until(() => client.received.includes('hi'))
  if (row.when === 'answered') await client.response()
  client[row.then]()
  await client.when(() => client.ending)
  await until(() => at.app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.same(counters(at), { ...NO_COUNTS, ...row.outcome === 'none' ? undefined : { attempts: 1, [row.outcome]: 1 } }, `${row.name}: ${row.outcome}`)
  // An upstream learns of it as well, unless nothing has been sent to it.
  if (row.outcome === 'aborted' && connections[0]?.received !== '') await connections[0]?.when(() => connections[0]?.ending)
  const whole = ['asked', 'answering', 'answered'].includes(row.when) ? 1 : 0
  t.equal(upstream.requests().length, whole, 'nothing is asked twice')
  t.same(at.log.filter(({ level }) => level >= 40), [], 'nothing to warn of')

  const next = await rawClient(t, at.port)
  await next.send('GET /next HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n')
  t.equal((await next.response())?.body, 'next', 'the next request is well')
  t.same(upstream.violations(), [])
}

t.test('in whatever phase a client leaves', { jobs: 4 }, async t => {
  for (const row of CLIENT) t.test(row.name, async t => { await assertClient(t, row) })
})

for (const [name, sends, reaches] of [
  ['its head', 'POST /a HTTP/1.1\r\nHost: ga', false],
  ['its body', 'POST /a HTTP/1.1\r\nHost: gateway\r\nContent-Length: 10\r\n\r\nhi', true]
] as const) {
  t.test(`a client that stops in ${name} is ended by the server's own timeout`, async t => {
    const upstream = await rawServer(t, async connection => { await connection.request() })
    const at = await gateway(t, { name: 'pool', targets: [upstream.url] }, {
      requestTimeout: 500, http: { headersTimeout: 500, connectionsCheckingInterval: 50 }
    } as object)
    const client = await rawClient(t, at.port)
    await client.send(sends)
    if (reaches) await until(() => upstream.connections.some(({ received }) => received.includes('POST /a')))
    const response = await client.response()
    t.ok(response === undefined || response.status === 408, `408 or cut, got ${response?.status}`)
    await client.ended()
    await until(() => at.app.upstreams['pool']?.targets[0]?.inFlight === 0)
    t.match(counters(at), { attempts: reaches ? 1 : 0, aborted: reaches ? 1 : 0, faults: 0 })
    t.equal(upstream.requests().length, 0)
  })
}
