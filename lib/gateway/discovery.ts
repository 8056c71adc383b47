import { dns, dnsProperties, type DnsOptions } from '../discovery/dns.js'
import { file, fileProperties, type FileOptions } from '../discovery/file.js'
import type { KubernetesOptions } from '../kubernetes/index.js'
import { kubernetesProperties } from '../kubernetes/options.js'
import type { DiscoverySource } from './schema.js'

// In a document `type` says which source it is.
const { type: records, ...others } = dnsProperties
const { name, ...moreOfDns } = others

/** What `discovery.type` may be. One entry each. */
export const SOURCES: Readonly<Record<string, DiscoverySource>> = {
  dns: {
    schema: { properties: { name, records, ...moreOfDns }, required: ['name'] },
    make: ({ records, ...options }, clock) => dns({ ...options, ...(records === undefined ? undefined : { type: records }) } as unknown as DnsOptions, clock)
  },
  file: {
    schema: { properties: fileProperties, required: ['path'] },
    make: (options, clock) => file(options as unknown as FileOptions, clock)
  },
  kubernetes: {
    schema: { properties: kubernetesProperties, required: ['service'] },
    make: async options => {
      const { kubernetes } = await import('../kubernetes/index.js')
      return kubernetes(options as unknown as KubernetesOptions)
    }
  }
}
