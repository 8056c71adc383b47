/** Totals of a pool since it was made. Plain numbers, counted where the fact arises. */
export interface PoolCounters {
  /** Requests that the pool was asked for, those that it turned away included. */
  requests: number
  /** Of them: answered below 500 by a further attempt. What retries and hedges have saved. */
  answeredElsewhere: number
  /** Further attempts on another target, or once more on the same one after its `Retry-After`. Without hedges and stale connections. */
  retries: number
  /** Requests that were sent to a second target as well. */
  hedges: number
  /** Hedges whose answer came first. */
  hedgesWon: number
  /** Further attempts because a connection was found closed. */
  stale: number
  /** Retries and hedges that the budget did not allow. */
  budgetRefused: number
  /** Requests that had to wait in line. */
  queued: number
  /** Requests turned away because the line was full. */
  queueFull: number
  /** Requests turned away because their time in line was over. */
  queueTimeout: number
  /** Streams turned away: too many are open. */
  tooManyStreams: number
  /** Requests for which there was no target. */
  noTarget: number
  /** Targets taken out of rotation by the breaker or an operator. */
  ejections: number
  /** How often too few targets were up, so that all were used. */
  panics: number
}

export function poolCounters (): PoolCounters {
  return {
    requests: 0,
    answeredElsewhere: 0,
    retries: 0,
    hedges: 0,
    hedgesWon: 0,
    stale: 0,
    budgetRefused: 0,
    queued: 0,
    queueFull: 0,
    queueTimeout: 0,
    tooManyStreams: 0,
    noTarget: 0,
    ejections: 0,
    panics: 0
  }
}
