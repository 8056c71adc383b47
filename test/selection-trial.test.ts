import t from 'tap'
import type { Target } from '../lib/target.js'
import { selecting, type Policed } from './kit/selecting.js'

const POLICIES: Record<string, Policed> = {
  'round-robin': 'round-robin',
  'least-requests': 'least-requests',
  p2c: 'p2c',
  random: 'random',
  first: 'first',
  'a function that always wants the same': (targets: readonly Target[]) => targets[0] as Target
}

function onTrial (target: Target): void {
  target.standing.eject('ejected', false)
  target.standing.tryOut()
}

for (const [name, policy] of Object.entries(POLICIES)) {
  t.test(`a target on trial has one request at a time: ${name}`, async t => {
    const it = selecting([{}, {}, {}], policy)
    it.change('a', onTrial)
    const a = it.target('a')
    let most = 0
    let tried = 0
    for (let i = 0; i < 300; i++) {
      const settle = it.pick() === 'a' ? a.begin() : undefined
      if (settle !== undefined) tried++
      // Others come while it is busy.
      if (settle !== undefined) most = Math.max(most, a.inFlight + (it.picks(3)['a'] ?? 0))
      settle?.({ kind: 'aborted', error: new Error('gone') })
    }
    t.equal(most, 1)
    t.ok(tried > 20, `it gets ${tried} of 300`)
  })

  t.test(`two targets on trial do not hand each other their requests: ${name}`, async t => {
    const it = selecting([{}, {}, {}], policy)
    for (const one of 'ab') {
      it.change(one, onTrial)
      it.target(one).begin()
    }
    t.same(it.picks(50), { a: 0, b: 0, c: 50 })
  })
}

t.test('a stream under way does not keep a trial from its request', async t => {
  const it = selecting([{}, {}], 'first')
  it.change('a', onTrial)
  it.target('a').begin()
  const end = it.target('a').stream()
  t.equal(it.pick(), 'a')
  end()
  t.equal(it.pick(), 'b')
})

t.test('where there is nobody else a trial takes more than one', async t => {
  const it = selecting([{}, {}])
  it.change('a', onTrial)
  it.target('a').begin()
  t.equal(it.pick('b'), 'a')
})
