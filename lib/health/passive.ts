import type { Clock } from '../clock.js'
import type { Outcome } from '../outcome.js'
import { SlidingWindow } from '../window.js'

/** Judges one target by what its attempts come to. */
export interface Breaker {
  /** Takes one outcome into account; true when the target should get no more requests for now. */
  record (outcome: Outcome): boolean
  /** Forgets everything: after an ejection, and after a recovery, the past is no evidence. */
  reset (): void
}

export type BreakerFactory = (clock: Clock) => Breaker

/** Whether an outcome counts against its target. What is neither a fault nor an answer says nothing about it. */
export type FaultRule = (outcome: Outcome) => boolean

/** What can be listed as a fault: a kind of outcome, a status of an answer, or a range of them with both ends in it. */
export type Fault = Exclude<Outcome['kind'], 'answered' | 'aborted'> | number | `${number}-${number}`

export interface FailureRateSettings {
  /** Share of the requests that must be faults: 0.5 is every other one. */
  readonly share: number
  /** Requests that the window must hold before the share means anything. */
  readonly requests: number
  /** Milliseconds. */
  readonly window: number
}

/**
 * Ejects after `limit` faults in a row, whatever the time between them, or as many hedges that were faster. It finds a target that fails altogether soon and
 * is blind to one that fails now and then: at half of the requests it takes 62 on average to see five in a row, at a
 * fifth 3,905. Once there, each further fault says so again: an ejection that was not possible may be by then.
 */
export function consecutiveFaults (limit: number, isFault: FaultRule): BreakerFactory {
  return () => {
    let faults = 0
    return {
      record (outcome) {
        if (isFault(outcome) || isOutrun(outcome)) return ++faults >= limit
        if (outcome.kind === 'answered') faults = 0
        return false
      },
      reset () { faults = 0 }
    }
  }
}

/**
 * Whether a hedge was faster. Once in a while that is what hedges are for, and no fault; but of a target that has stopped nothing
 * else is ever seen, since its attempts are cancelled before any timeout.
 */
export function isOutrun (outcome: Outcome): boolean {
  return outcome.kind === 'aborted' && outcome.outrun === true
}

/** Ejects at a fault that makes them `share` of the requests in the window, if there are enough of those to judge by. */
export function failureRate ({ share, requests, window }: FailureRateSettings, isFault: FaultRule): BreakerFactory {
  return clock => {
    const all = new SlidingWindow(clock, window)
    const faults = new SlidingWindow(clock, window)
    return {
      record (outcome) {
        const fault = isFault(outcome)
        if (!fault && outcome.kind !== 'answered') return false
        all.add()
        if (!fault) return false
        faults.add()
        const sum = all.sum
        return sum >= requests && faults.sum / sum >= share
      },
      reset () {
        all.clear()
        faults.clear()
      }
    }
  }
}

/** Ejects when any of `factories` does. Each is told of every outcome. */
export function eitherOf (...factories: readonly BreakerFactory[]): BreakerFactory {
  return clock => {
    const breakers = factories.map(factory => factory(clock))
    return {
      record (outcome) {
        let eject = false
        for (const breaker of breakers) {
          if (breaker.record(outcome)) eject = true
        }
        return eject
      },
      reset () {
        for (const breaker of breakers) breaker.reset()
      }
    }
  }
}

/**
 * The rule that counts what is listed. A client's departure never counts, and neither does a connection that turned
 * out to be stale: a server may close one that was idle whenever it likes. A 503 that says when to come back is a wish for
 * less and no fault, unless it is listed by itself.
 */
export function faultRule (faults: readonly Fault[]): FaultRule {
  const single = new Set<string | number>(faults)
  const listed = new Set(single)
  for (const fault of faults) {
    const range = /^(\d+)-(\d+)$/.exec(String(fault))
    if (range === null) continue
    for (let status = Number(range[1]); status <= Number(range[2]); status++) listed.add(status)
  }
  return outcome => {
    switch (outcome.kind) {
      case 'answered': return (outcome.spare === undefined ? listed : single).has(outcome.status)
      case 'failed': return listed.has('failed') && outcome.stale !== true
      case 'unsent':
      case 'broken': return listed.has(outcome.kind)
      case 'aborted': return false
    }
  }
}
