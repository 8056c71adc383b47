import { sleep, type Clock } from './clock.js'
import { stateOf } from './file-state.js'

/** Milliseconds after which files that have changed are looked at again: until two looks agree, somebody may still be writing. */
const SETTLE = 50

export interface WatchSettings {
  readonly clock: Clock
  /** Milliseconds from one look to the next. */
  readonly interval: number
  readonly files: readonly string[]
  /** Called once for each change; the next look comes after it has settled. Must not reject. */
  changed (): void | Promise<void>
}

/**
 * Looks at files over and over, and tells when they have changed: written in place, replaced by renaming, or behind links that
 * now lead elsewhere, as in a mounted ConfigMap. Looking misses none of these, whatever the file system, as notices of it do.
 *
 * @returns stops it; nothing is told after that
 */
export function watch ({ clock, interval, files, changed }: WatchSettings): () => void {
  const controller = new AbortController()
  const { signal } = controller
  void look()
  return () => { controller.abort() }

  async function look (): Promise<void> {
    let seen = await stateOf(files)
    while (!signal.aborted) {
      await sleep(clock, interval, signal)
      let state = await stateOf(files)
      if (state === seen) continue
      do {
        seen = state
        await sleep(clock, SETTLE, signal)
        state = await stateOf(files)
      } while (state !== seen && !signal.aborted)
      if (!signal.aborted) await changed()
    }
  }
}
