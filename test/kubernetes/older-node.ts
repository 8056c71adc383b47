/**
 * The client's undici needs Node 22.19 for three functions. The oldest Node that this project runs on has none of them; there the
 * client gets these, so that what is ours is tested on it as well. Import this before the client.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const zlib = require('node:zlib') as Record<string, unknown>
const threads = require('node:worker_threads') as Record<string, unknown>

// Nobody is sent zstd, and nothing is handed to another thread.
zlib['createZstdDecompress'] ??= () => { throw new Error('this Node has no zstd') }
threads['markAsUncloneable'] ??= () => {}

const promise = Promise as unknown as { withResolvers?: () => unknown }
promise.withResolvers ??= () => {
  let resolve, reject
  const promise = new Promise((_resolve, _reject) => {
    resolve = _resolve
    reject = _reject
  })
  return { promise, resolve, reject }
}
