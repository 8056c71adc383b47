import t from 'tap'
import type { TargetSnapshot } from '../../lib/index.js'
import { poolTotals, type PoolSnapshot } from '../../lib/workers/index.js'

const NONE = { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }

function target (url: string, { counters, ...more }: Omit<Partial<TargetSnapshot>, 'counters'> & { counters?: object } = {}): TargetSnapshot {
  return {
    url, weight: 1, priority: 0, zone: undefined, health: 'up', reason: undefined, inFlight: 0, streams: 0, limit: Infinity, share: 1, latency: undefined, ...more, counters: { ...NONE, ...counters }
  } as TargetSnapshot
}

function pool (targets: TargetSnapshot[], more: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return { load: { inFlight: 0, streams: 0, waiting: 0 }, panicking: false, targets, ...more }
}

t.test('counters, loads and limits are summed; latencies weigh as much as there were answers', async t => {
  const totals = poolTotals([
    { worker: 1, pools: { users: pool([target('http://a', { inFlight: 2, streams: 1, limit: 3, latency: 10, counters: { attempts: 31, answered: 30, failed: 1 } })], { load: { inFlight: 1, streams: 2, waiting: 3 } }) } },
    { worker: 2, pools: { users: pool([target('http://a', { inFlight: 5, limit: 3, share: 0.5, latency: 50, counters: { attempts: 10, answered: 10 } })], { load: { inFlight: 10, streams: 20, waiting: 30 }, panicking: true }) } },
    { worker: 3, pools: { users: pool([target('http://a', { limit: 3 })]) } }
  ])
  t.strictSame(totals, {
    users: {
      load: { inFlight: 11, streams: 22, waiting: 33 },
      panicking: true,
      targets: [{
        ...target('http://a', { inFlight: 7, streams: 1, limit: 9, share: 2.5 / 3, latency: 20, counters: { attempts: 41, answered: 40, failed: 1 } }),
        health: 'up' as const
      }]
    }
  })
})

t.test('where workers differ there is what each of them says', async t => {
  const down = { health: 'down', reason: 'ejected: status 500' } as const
  const [differing, same, reasons] = poolTotals([
    { worker: 1, pools: { users: pool([target('http://a', down), target('http://b', down), target('http://c', down)]) } },
    { worker: 2, pools: { users: pool([target('http://a'), target('http://b', down), target('http://c', { health: 'down', reason: 'other' })]) } }
  ])['users']?.targets ?? []
  t.match(differing, { health: undefined, reason: undefined, opinions: [{ worker: 1, ...down }, { worker: 2, health: 'up', reason: undefined }] })
  t.match(same, down)
  t.notOk('opinions' in (same ?? {}))
  t.match(reasons, { health: 'down', reason: undefined, opinions: [{ worker: 1, ...down }, { worker: 2, health: 'down', reason: 'other' }] })
})

t.test('pools and targets that not every worker has are summed over those that do', async t => {
  const totals = poolTotals([
    { worker: 1, pools: { users: pool([target('http://a', { counters: { attempts: 1 } })]) } },
    { worker: 2, pools: { users: pool([target('http://b'), target('http://a', { counters: { attempts: 2 } })]), orders: pool([]) } }
  ])
  t.same(totals['users']?.targets.map(({ url, counters: { attempts } }) => [url, attempts]), [['http://a', 3], ['http://b', 0]])
  t.same(totals['orders']?.targets, [])
  t.same(poolTotals([]), {})
})
