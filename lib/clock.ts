/**
 * Time and chance. Everything that waits, measures or draws goes through a Clock, so that tests can own both.
 * This is the only file that may read the real ones; the linter sees to that.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes backwards. */
  now (): number
  /** Milliseconds since 1970, for dates that somebody else has written. May jump. */
  wall (): number
  /** A number in [0, 1). */
  random (): number
  /** Calls `fn` once after `ms` milliseconds unless the returned function is called first. Does not keep the process alive. */
  after (ms: number, fn: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  after (ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => { clearTimeout(timer) }
  }
}

/** Resolves after `ms` milliseconds, or at once when `signal` is aborted. Never rejects. */
export async function sleep (clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => {
    const wake = (): void => {
      cancel()
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(ms, wake)
    signal.addEventListener('abort', wake)
  })
}

/** Resolves at the end of this turn of the event loop: what has come in by now has been dealt with. */
export async function turnEnds (): Promise<void> {
  await new Promise(resolve => { setImmediate(resolve) })
}

/** `ms` spread evenly over ± `jitter` (a share: 0.1 is ten per cent), so that many gateways do not act in step. */
export function jittered (clock: Clock, ms: number, jitter: number): number {
  return ms * (1 + jitter * (2 * clock.random() - 1))
}

/** Cancels nothing: for where there may be a timer to cancel, and is none yet. */
export function noTimer (): void {}
