/** How many targets a pick looks at: what it costs with thousands of them, without a clock. */
import t from 'tap'
import { hash } from '../../lib/policies/hash.js'
import { leastRequests } from '../../lib/policies/least-requests.js'
import { p2c } from '../../lib/policies/p2c.js'
import { random } from '../../lib/policies/random.js'
import { roundRobin } from '../../lib/policies/round-robin.js'
import type { Policy } from '../../lib/policy.js'
import { Selection } from '../../lib/selection.js'
import { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { targetSettings } from '../kit/target.js'

const COUNT = 1000

/** A selection over many targets, and how many reads of them each pick has made. */
function counted (policy: Policy, weightOf: (i: number) => number): { readonly pick: (key?: string) => Target, readonly reads: () => number, readonly targets: readonly Target[] } {
  const clock = new VirtualClock()
  let reads = 0
  class Counting extends Target {
    override get inFlight (): number { reads++; return super.inFlight }
    override get weight (): number { reads++; return super.weight }
    override set weight (weight: number) { super.weight = weight }
    override get health (): Target['health'] { reads++; return super.health }
    override get full (): boolean { reads++; return super.full }
    override get exhausted (): boolean { reads++; return super.exhausted }
  }
  const own = targetSettings(clock)
  const targets = Array.from({ length: COUNT }, (_, i) => new Counting({ url: `http://${i}.test`, weight: weightOf(i), priority: 0, zone: undefined }, i, own))
  const selection = new Selection({ clock, policy: () => policy, followsLoad: false, panic: 0.5, zone: undefined, overprovisioning: 1.4, limited: false })
  selection.refresh(targets, new Set())
  return {
    targets,
    pick (key) {
      const target = selection.choose({ key, attempt: 0 }, [], true)
      if (target === undefined) throw new Error('nobody was picked')
      return target
    },
    reads () {
      const made = reads
      reads = 0
      return made
    }
  }
}

const clock = new VirtualClock()
const POLICIES = { 'round-robin': roundRobin(clock), random: random(clock), p2c: p2c(clock), 'least-requests': leastRequests(clock), hash: hash(roundRobin(clock)) }
const WEIGHTED = { 'round-robin': roundRobin(clock), random: random(clock), p2c: p2c(clock), 'least-requests': leastRequests(clock), hash: hash(roundRobin(clock)) }

for (const [weights, policies, weightOf] of [['equal', POLICIES, () => 1], ['unequal', WEIGHTED, (i: number) => 1 + i % 3]] as const) {
  for (const [name, policy] of Object.entries(policies)) {
    t.test(`${name} with ${weights} weights looks at a few of ${COUNT} targets`, async t => {
      const { pick, reads, targets } = counted(policy, weightOf)
      targets.forEach((target, i) => { for (let busy = i % 3; busy > 0; busy--) target.begin() })
      // Lists are learned once they have come twice.
      for (let i = 0; i < 3; i++) pick('key')
      reads()
      for (let i = 0; i < 100; i++) {
        const settle = pick(String(i)).begin()
        if (i % 2 === 0) settle({ kind: 'answered', status: 200, latency: 1 })
      }
      const made = reads()
      t.ok(made <= 100 * 10, `${made / 100} reads per pick`)
    })
  }
}
