import t from 'tap'
import { slowStartFactor, Turns } from '../lib/slow-start.js'

const WINDOW = 60_000
const AGGRESSIONS = [1, 2, 0.5]

for (const [seconds, ...factors] of [
  [1, 0.100, 0.129, 0.100],
  [3, 0.100, 0.224, 0.100],
  [6, 0.100, 0.316, 0.100],
  [15, 0.250, 0.500, 0.100],
  [30, 0.500, 0.707, 0.250],
  [45, 0.750, 0.866, 0.563],
  [59, 0.983, 0.992, 0.967],
  [60, 1, 1, 1],
  [3600, 1, 1, 1]
] as const) {
  t.test(`the share after ${seconds} of 60 seconds`, async t => {
    AGGRESSIONS.forEach((aggression, i) => {
      const factor = slowStartFactor(seconds * 1000, { window: WINDOW, minimum: 0.1, aggression })
      t.ok(Math.abs(factor - (factors[i] ?? NaN)) <= 0.0005 + 1e-9, `${factor} with aggression ${aggression}`)
    })
  })
}

t.test('the first second counts as one', async t => {
  const settings = { window: 10_000, minimum: 0.01, aggression: 1 }
  t.equal(slowStartFactor(0, settings), 0.1)
  t.equal(slowStartFactor(999, settings), 0.1)
  t.equal(slowStartFactor(1001, settings), 0.1001)
})

t.test('a window of less than a second is over at once', async t => {
  t.equal(slowStartFactor(0, { window: 500, minimum: 0.1, aggression: 1 }), 1)
  t.equal(slowStartFactor(0, { window: 0, minimum: 0.1, aggression: 1 }), 1)
})

function takes (turns: Turns, share: number, calls: number): boolean[] {
  return Array.from({ length: calls }, () => turns.take(share))
}

function count (taken: readonly boolean[]): number {
  return taken.filter(Boolean).length
}

t.test('a third is every third call, and not the first', async t => {
  t.strictSame(takes(new Turns(), 1 / 3, 9), [false, false, true, false, false, true, false, false, true])
})

t.test('three quarters are three of four calls', async t => {
  t.strictSame(takes(new Turns(), 0.75, 8), [false, true, true, true, false, true, true, true])
})

t.test('exactly the share is let through, over any number of calls', async t => {
  for (const share of [0.001, 0.01, 0.07, 0.1, 0.29, 0.3, 0.5, 0.7, 0.9, 0.999]) {
    t.equal(count(takes(new Turns(), share, 100_000)), Math.round(100_000 * share), String(share))
    const turns = new Turns()
    let taken = 0
    for (let calls = 1; calls <= 2000; calls++) {
      if (turns.take(share)) taken++
      if (Math.abs(taken - share * calls) > 1) t.fail(`${taken} of ${calls}`)
    }
  }
})

t.test('everything is let through with a whole share, nothing with none', async t => {
  const turns = new Turns()
  t.equal(count(takes(turns, 1, 100)), 100)
  t.equal(count(takes(turns, 2, 100)), 100)
  t.equal(count(takes(turns, 0, 100)), 0)
  t.strictSame(takes(turns, 0.5, 2), [false, true], 'whole shares leave no credit')
})

t.test('a share that grows lets through what it adds up to', async t => {
  const turns = new Turns()
  let taken = 0
  let owed = 0
  for (let i = 0; i < 1000; i++) {
    const share = slowStartFactor(i * 10, { window: 10_000, minimum: 0.1, aggression: 1 })
    owed += share
    if (turns.take(share)) taken++
  }
  t.ok(Math.abs(taken - owed) <= 1, `${taken} of ${owed}`)
})
