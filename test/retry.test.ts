import t from 'tap'
import type { Outcome } from '../lib/outcome.js'
import { safeRetry, type Sent } from '../lib/retry.js'

const error = new Error('x')
const answered = (status: number): Outcome => ({ kind: 'answered', status, latency: 1 })

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY', 'PROPFIND', 'SEARCH', 'REPORT']
const OTHERS = ['POST', 'PATCH', 'CONNECT', 'LOCK', 'MKCOL', 'PROPPATCH', 'get', '']

/** Every request there is, as far as retries are concerned. */
function everySent (methods: readonly string[]): Sent[] {
  return methods.flatMap(method => [true, false].flatMap(idempotencyKey => [true, false].map(replayable => ({ method, idempotencyKey, replayable }))))
}

t.test('what was never on the wire may always go elsewhere', async t => {
  for (const sent of everySent([...IDEMPOTENT, ...OTHERS])) t.equal(safeRetry({ kind: 'unsent', error }, sent), true, JSON.stringify(sent))
})

t.test('half an answer is never asked for again, and nobody asks for a client that left', async t => {
  for (const sent of everySent([...IDEMPOTENT, ...OTHERS])) {
    t.equal(safeRetry({ kind: 'broken', error }, sent), false, JSON.stringify(sent))
    t.equal(safeRetry({ kind: 'aborted', error }, sent), false, JSON.stringify(sent))
  }
})

const repeatable: readonly Outcome[] = [{ kind: 'failed', error }, answered(502), answered(503), answered(504)]

for (const outcome of repeatable) {
  const name = outcome.kind === 'answered' ? `answered with ${outcome.status}` : outcome.kind

  t.test(`${name}: an idempotent request goes elsewhere as long as its body is at hand`, async t => {
    for (const sent of everySent(IDEMPOTENT)) t.equal(safeRetry(outcome, sent), sent.replayable, JSON.stringify(sent))
  })

  t.test(`${name}: any other needs an Idempotency-Key as well`, async t => {
    for (const sent of everySent(OTHERS)) t.equal(safeRetry(outcome, sent), sent.replayable && sent.idempotencyKey, JSON.stringify(sent))
  })
}

t.test('no other answer is asked for again', async t => {
  for (const status of [200, 204, 301, 304, 400, 404, 408, 409, 425, 429, 500, 501, 505, 511, 599]) {
    for (const sent of everySent(['GET', 'POST'])) t.equal(safeRetry(answered(status), sent), false, `${status} ${JSON.stringify(sent)}`)
  }
})
