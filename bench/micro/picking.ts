/** Picks, alone and with what a target counts. */
import type { Choice } from '../../lib/selection.js'
import type { Target } from '../../lib/target.js'
import type { Build } from './build.js'
import type { Case } from './cases.js'
import { quiet, targetsOf } from './pools.js'
import type { Subject } from './rounds.js'

/** Requests that are under way besides those that stay. */
const UNDER_WAY = 64
const ANSWERED = { kind: 'answered', status: 200, latency: 1 } as const

/** @param spread whether targets are busy, each pick is counted as in flight, and an older one ends */
export function picking (build: Build, { options, weights, sticky = false, requests = 1024 }: Case, size: number, spread: boolean): Subject {
  const { Selection, Target, poolSettings, systemClock } = build
  const settings = poolSettings('micro', { ...options, targets: targetsOf(size, weights) }, '', quiet, systemClock)
  const targets = settings.targets.map((config, i) => new Target(config, i, settings))
  const selection = new Selection({ ...settings.selection, clock: systemClock, limited: false })
  selection.refresh(targets, new Set())
  const { affinity } = settings
  const choices = Array.from({ length: requests }, (_, i): Choice => {
    const value = sticky ? affinity?.idOf(targets[(i * 7919) % size]?.url ?? '') : undefined
    return { key: `/users/${String(i).padStart(13, '0')}`, attempt: 0, stick: value === undefined ? undefined : affinity?.belonging(value), stream: false }
  })
  const tried: readonly Target[] = []
  let request = 0

  function pick (): Target {
    request = (request + 1) % requests
    const target = selection.choose(choices[request] as Choice, tried, true)
    if (target === undefined) throw new Error('nobody was picked')
    return target
  }

  if (!spread) {
    return {
      run (count) {
        for (let i = 0; i < count; i++) pick()
        return [1]
      }
    }
  }
  targets.forEach((target, i) => { for (let busy = 0; busy < (i * 2654435761 >>> 0) % 4; busy++) target.begin() })
  const ends = Array.from({ length: UNDER_WAY }, () => pick().begin())
  let oldest = 0
  return {
    run (count) {
      for (let i = 0; i < count; i++) {
        ends[oldest]?.(ANSWERED)
        ends[oldest] = pick().begin()
        oldest = (oldest + 1) % UNDER_WAY
      }
      return [1]
    }
  }
}
