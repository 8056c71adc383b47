import { readdir, readlink } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import type { Usage } from './report.js'

/** A collection frees what finalizers let go of only in the next one. */
const COLLECTIONS = 4

/**
 * Counts what a process holds on to. Node tells only of sockets and timers that keep the process alive; idle connections and a
 * gateway's timers do not. So timers are counted as they come and go, and sockets where the system lists them.
 */
export class Census {
  readonly #timers = new Set<unknown>()

  constructor () {
    const { setTimeout, clearTimeout } = globalThis
    const timers = this.#timers
    globalThis.setTimeout = Object.assign((fn: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        fn(...args)
      }, ms)
      timers.add(timer)
      return timer
    }, setTimeout) as typeof setTimeout
    globalThis.clearTimeout = timer => {
      timers.delete(timer)
      clearTimeout(timer)
    }
  }

  async take (): Promise<Usage> {
    for (let collection = 0; collection < COLLECTIONS; collection++) {
      globalThis.gc?.()
      await turn()
    }
    return {
      heap: process.memoryUsage().heapUsed,
      sockets: await countSockets(),
      timers: this.#timers.size
    }
  }
}

/** Where there is no /proc, those that keep the process alive have to do. */
async function countSockets (): Promise<number> {
  const directory = '/proc/self/fd'
  const descriptors = await readdir(directory).catch(() => undefined)
  if (descriptors === undefined) return process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length
  // The one that has read the directory is gone by now.
  const links = await Promise.all(descriptors.map(async descriptor => await readlink(`${directory}/${descriptor}`).catch(() => '')))
  return links.filter(link => link.startsWith('socket:')).length
}
