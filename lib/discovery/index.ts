export { dns, type DnsOptions } from './dns.js'
export { file, type FileOptions } from './file.js'
export type { DiscoveredTarget, Discovery } from '../discovery.js'
