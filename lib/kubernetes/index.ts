import zlib from 'node:zlib'
import { systemClock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import type { KubernetesOptions } from './options.js'
import { source } from './source.js'

export type { KubeConfigLike, KubernetesOptions } from './options.js'

/**
 * A source of discovery: the endpoints of a Kubernetes service, from its EndpointSlices, by list and watch. Needs
 * `@kubernetes/client-node`, which is loaded when the source is first used.
 *
 * @throws BadOptionError naming the option, the value and what is allowed
 */
export function kubernetes (options: KubernetesOptions): Discovery {
  return source(options, systemClock, async () => {
    // An older Node would run into it in the middle of the import, and tell of it a second time, as a rejection that nobody could handle.
    if (!('createZstdDecompress' in zlib)) throw new Error('this Node has no zstd')
    return await import('@kubernetes/client-node')
  })
}
