import type { Target } from '../target.js'

/** Says how a target is: undefined is up, an error is the reason for being down, a `DrainAsked` that it is to be drained. */
export type Tell = (target: Target, down: Error | undefined) => void

/** Finds out how targets are, and tells of every change and of the first bad news of a newcomer. Tells nothing unless it is running. */
export interface Watcher {
  /**
   * @param up what is believed of the target until there is something to tell
   * @param proven false for a newcomer, which gets no traffic before it has been told to be up
   */
  watch (target: Target, up: boolean, proven: boolean): void
  unwatch (target: Target): void
  start (): void
  /** What has been found out is kept for the next `start`. */
  stop (): void
}

/** Makes what watches over the targets of a pool. */
export type Verdicts = (tell: Tell) => Watcher
