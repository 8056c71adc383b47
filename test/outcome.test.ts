import t from 'tap'
import { isFault, type Outcome } from '../lib/outcome.js'

const error = new Error('x')

t.test('an answer counts against its target from status 500 on', async t => {
  for (const [status, fault] of [
    [200, false], [204, false], [301, false], [304, false], [400, false], [404, false], [429, false], [499, false], [500, true], [502, true], [503, true], [599, true]
  ] as const) {
    t.equal(isFault({ kind: 'answered', status, latency: 1 }), fault, String(status))
  }
})

t.test('no connection, no answer and half an answer count against the target, a client that left does not', async t => {
  const faults: Record<Exclude<Outcome['kind'], 'answered'>, boolean> = { unsent: true, failed: true, broken: true, aborted: false }
  for (const [kind, fault] of Object.entries(faults)) t.equal(isFault({ kind: kind as 'failed', error }), fault, kind)
})
