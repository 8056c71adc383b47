import t from 'tap'
import { RetryBudget } from '../lib/budget.js'
import { VirtualClock } from './kit/clock.js'

function withdrawals (budget: RetryBudget): number {
  let count = 0
  while (budget.withdraw()) count++
  return count
}

t.test('two requests pay for one retry when each pays for half of one', async t => {
  const clock = new VirtualClock()
  const budget = new RetryBudget(clock, { share: 0.5, floor: 0, window: 1000 })
  t.equal(budget.withdraw(), false, 'nothing has been paid in')
  budget.deposit()
  t.equal(budget.left, 0.5)
  t.equal(budget.withdraw(), false, 'half is not enough')
  budget.deposit()
  t.equal(withdrawals(budget), 1)
  t.equal(budget.left, 0)
})

t.test('what is not spent within the window is gone', async t => {
  const clock = new VirtualClock()
  const budget = new RetryBudget(clock, { share: 0.5, floor: 0, window: 1000 })
  budget.deposit()
  budget.deposit()
  await clock.advance(999)
  t.equal(budget.left, 1)
  await clock.advance(1)
  t.equal(budget.withdraw(), false)
})

t.test('the floor is there without any requests, and again when the window has passed', async t => {
  const clock = new VirtualClock()
  const budget = new RetryBudget(clock, { share: 1, floor: 5, window: 1000 })
  t.equal(withdrawals(budget), 5)
  await clock.advance(999)
  t.equal(withdrawals(budget), 0)
  await clock.advance(1)
  t.equal(withdrawals(budget), 5)
})

t.test('the floor is per second, whatever the window', async t => {
  t.equal(withdrawals(new RetryBudget(new VirtualClock(), { share: 0.2, floor: 10, window: 10_000 })), 100)
  t.equal(withdrawals(new RetryBudget(new VirtualClock(), { share: 0.2, floor: 0.5, window: 1000 })), 0)
})

t.test('a withdrawal outlives the request that paid for it, and the rest is never less than nothing', async t => {
  const clock = new VirtualClock()
  const budget = new RetryBudget(clock, { share: 1, floor: 0, window: 1000 })
  budget.deposit()
  await clock.advance(900)
  t.equal(budget.withdraw(), true)
  await clock.advance(100)
  t.equal(budget.left, 0)
  budget.deposit()
  t.equal(budget.withdraw(), false, 'it is owed')
  await clock.advance(900)
  t.equal(budget.withdraw(), true)
})

t.test('a refused withdrawal costs nothing', async t => {
  const budget = new RetryBudget(new VirtualClock(), { share: 0.25, floor: 0, window: 1000 })
  for (let i = 0; i < 3; i++) budget.deposit()
  for (let i = 0; i < 100; i++) t.equal(budget.withdraw(), false)
  budget.deposit()
  t.equal(budget.withdraw(), true)
})

for (const [rate, share, floor, tries] of [[100, 0.2, 10, 3], [100, 0.2, 10, Infinity], [20, 0.2, 10, 3], [5, 0.2, 10, Infinity], [50, 0.1, 0, 3], [50, 1, 2, Infinity]] as const) {
  t.test(`with everything failing for a minute, ${rate} requests a second of up to ${tries} tries each are multiplied by no more than 1 + ${share} + ${floor} / ${rate}`, async t => {
    const clock = new VirtualClock()
    const budget = new RetryBudget(clock, { share, floor, window: 10_000 })
    const requests = 60 * rate
    let attempts = 0
    for (let i = 0; i < requests; i++) {
      budget.deposit()
      attempts++
      for (let retries = 1; retries < tries && budget.withdraw(); retries++) attempts++
      await clock.advance(1000 / rate)
    }
    const bound = 1 + share + floor / rate
    t.ok(attempts / requests <= bound * 1.01, `${attempts / requests} against ${bound}`)
    t.ok(attempts / requests >= bound * 0.95, `${attempts / requests} is what it allows`)
  })
}
