import { sleep, type Clock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import { SliceApi, type Load } from './api.js'
import { checkOptions, type KubernetesOptions } from './options.js'
import { reflect } from './reflect.js'
import { targetsOf } from './targets.js'

/**
 * Milliseconds between two lists. A change is passed on at once; those that follow it so soon, as in a rolling update, come
 * together in the next list.
 */
const SPACING = 100

/** The source, with its clock and its way to get the client. */
export function source (options: KubernetesOptions, clock: Clock, load: Load): Discovery {
  checkOptions(options)
  return async function * (signal) {
    try {
      const api = await SliceApi.connect(options, clock, load)
      let said: string | undefined
      for await (const slices of reflect(api, clock, signal)) {
        const list = targetsOf(slices, options)
        const says = JSON.stringify(list)
        if (says === said) continue
        said = says
        yield list
        await sleep(clock, SPACING, signal)
      }
    } catch (error) {
      // What fails because of its end has not failed.
      if (!signal.aborted) throw error
    }
  }
}
