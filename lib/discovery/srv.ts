import type { SrvRecord } from 'node:dns'
import type { DiscoveredTarget } from '../discovery.js'

/** A record, and the addresses that its target has. */
export interface ResolvedRecord extends Omit<SrvRecord, 'name'> {
  readonly addresses: readonly string[]
}

/**
 * What SRV records (RFC 2782) stand for: priority is the tier, weight the share within it.
 *
 * The records of weight 0 have together what a weight of 1 would have, which is the chance that the RFC gives them; where there are
 * no others they share all of it. A record whose target has several addresses shares its weight out among them.
 *
 * @param address makes a target of an address and a port
 */
export function srvTargets (records: readonly ResolvedRecord[], address: (address: string, port: number) => Omit<DiscoveredTarget, 'weight' | 'priority'>): DiscoveredTarget[] {
  const weightless = new Map<number, number>()
  for (const { priority, weight } of records) if (weight === 0) weightless.set(priority, (weightless.get(priority) ?? 0) + 1)
  const targets = new Map<string, DiscoveredTarget & { readonly weight: number, readonly priority: number }>()
  for (const { addresses, port, priority, weight } of records) {
    const share = (weight === 0 ? 1 / (weightless.get(priority) ?? 1) : weight) / addresses.length
    for (const each of addresses) {
      const target = address(each, port)
      const before = targets.get(target.url)
      // Of two names for one server, both bring it traffic; in a tier that comes later it is there already.
      if (before === undefined || priority < before.priority) targets.set(target.url, { ...target, weight: share, priority })
      else if (priority === before.priority) targets.set(target.url, { ...before, weight: before.weight + share })
    }
  }
  return [...targets.values()]
}
