import type { Test } from 'tap'
import type { Discovery } from '../../lib/discovery.js'
import { gateway, type Gateway } from '../kit/index.js'

/** A gateway whose pool `users` follows a source, from its first list on. */
export async function following (t: Test, source: Discovery, options: object = {}): Promise<Gateway> {
  return await gateway(t, { name: 'users', discovery: source, discoveryTimeout: 30_000, ...options }, { logger: false, pluginTimeout: 60_000 })
}
