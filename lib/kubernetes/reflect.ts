import { sleep, type Clock } from '../clock.js'
import { ApiError, type SliceApi, type WatchEvent } from './api.js'
import type { EndpointSlice } from './endpoint-slice.js'

/** Milliseconds that a watch must have lasted for the next one not to wait longer than that one has. */
const SHORT = 1000
/** Milliseconds, at the most, to the next watch: the first time, and however often watches are cut short. */
const WAIT = 100
const MAX_WAIT = 10_000

/**
 * The slices as they are, whenever something has changed: a list, then watches that each go on where the one before has ended, then
 * a list again when the server does not know that place any more. What has happened in between is in that list, deletions too.
 *
 * Waiting for `next` holds nothing up: what comes in meanwhile is in the next one, all at once.
 *
 * @throws ApiError when the server can not be reached, or refuses
 */
export async function * reflect (api: Pick<SliceApi, 'list' | 'watch'>, clock: Clock, signal: AbortSignal): AsyncGenerator<Iterable<EndpointSlice>, void> {
  const slices = new Map<string, EndpointSlice>()
  let version: string | undefined
  let short = 0
  while (!signal.aborted) {
    if (version === undefined) {
      const list = await api.list(signal)
      slices.clear()
      for (const slice of list.slices) slices.set(nameOf(slice), slice)
      version = list.version
      yield slices.values()
    }
    const began = clock.now()
    try {
      for await (const events of api.watch(version, signal)) {
        version = apply(slices, events, version)
        yield slices.values()
        if (version === undefined) break
      }
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 410)) throw error
      version = undefined
    }
    // Many gateways lose their watches in the same moment.
    short = clock.now() - began < SHORT ? short + 1 : 0
    await sleep(clock, clock.random() * Math.min(MAX_WAIT, WAIT * 2 ** Math.max(0, short - 1)), signal)
  }
}

/** @returns the version to go on from; undefined after an error, which is `410 Gone` as a rule, when only a list will do */
function apply (slices: Map<string, EndpointSlice>, events: readonly WatchEvent[], version: string): string | undefined {
  for (const { type, object } of events) {
    if (type === 'ERROR') return undefined
    if (type === 'ADDED' || type === 'MODIFIED') slices.set(nameOf(object), object)
    if (type === 'DELETED') slices.delete(nameOf(object))
    // A bookmark has nothing but its version.
    version = object.metadata?.resourceVersion ?? version
  }
  return version
}

/** Unique within the namespace. */
function nameOf ({ metadata }: EndpointSlice): string {
  return metadata?.name ?? ''
}
