import type { DiscoveredTarget } from '../discovery.js'
import type { EndpointConditions, EndpointSlice, SlicePort } from './endpoint-slice.js'
import type { KubernetesOptions } from './options.js'

type Wanted = Pick<KubernetesOptions, 'service' | 'port' | 'protocol' | 'path' | 'addressType' | 'zone'>

/**
 * How far an endpoint has come. Slices are written one after another, so an endpoint that moves between two is in both for a
 * moment, and one of them may be behind: the later stage is the true one.
 */
const STAGES = ['unready', 'ready', 'leaving', 'ended'] as const
type Stage = typeof STAGES[number]

interface Endpoint {
  readonly url: string
  readonly stage: Stage
  readonly v6: boolean
  readonly zone: string | undefined
  /** Zones that the control plane would have it serve. */
  readonly hints: readonly string[]
}

/**
 * The targets that a service's EndpointSlices come to, sorted by URL: every ready endpoint once, and those that terminate but
 * still serve as draining. When none is ready, the latter are used, as kube-proxy does.
 *
 * @throws Error when there are endpoints, but none with the wanted port, or it is not clear which port is wanted
 */
export function targetsOf (slices: Iterable<EndpointSlice>, wanted: Wanted): DiscoveredTarget[] {
  const endpoints = distinct(endpointsOf(slices, wanted))
  const ready = endpoints.filter(({ stage }) => stage === 'ready')
  const zoneOf = zones(ready, wanted.zone)
  return endpoints.map(endpoint => {
    const zone = zoneOf(endpoint)
    return {
      url: endpoint.url,
      ...(zone === undefined ? {} : { zone }),
      ...(endpoint.stage === 'leaving' && ready.length > 0 ? { draining: 'terminating' } : {})
    }
  }).sort((a, b) => a.url < b.url ? -1 : 1)
}

/** Every endpoint, by what tells it from others: the pod behind it, or else its URL. */
function endpointsOf (slices: Iterable<EndpointSlice>, wanted: Wanted): Map<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>()
  const strange = new Set<string>()
  let found = false
  for (const slice of slices) {
    if (!isWanted(slice.addressType, wanted) || (slice.endpoints ?? []).length === 0) continue
    const port = portOf(slice.ports ?? [], wanted)
    if (port === undefined) {
      for (const { name, port, protocol } of slice.ports ?? []) strange.add(`${port ?? 'any'} (${[name, protocol].filter(Boolean).join(', ') || 'no name'})`)
      continue
    }
    found = true
    for (const { addresses: [address], conditions, hints, targetRef, zone } of slice.endpoints ?? []) {
      if (address === undefined) continue
      const url = `${port.protocol}://${hostOf(address, slice.addressType)}:${port.number}${wanted.path ?? ''}`
      const endpoint: Endpoint = {
        url,
        stage: stageOf(conditions ?? {}),
        v6: slice.addressType === 'IPv6',
        zone: zone ?? undefined,
        hints: (hints?.forZones ?? []).map(({ name }) => name)
      }
      const key = targetRef?.uid ?? url
      endpoints.set(key, merge(endpoints.get(key), endpoint))
    }
  }
  if (!found && strange.size > 0) {
    throw new Error(`port ${wanted.port}: the endpoints of service '${wanted.service}' do not have it, they have ${[...strange].sort().join(', ')}`)
  }
  return endpoints
}

function isWanted (addressType: string, { addressType: wanted }: Wanted): boolean {
  return wanted === undefined ? ['IPv4', 'IPv6', 'FQDN'].includes(addressType) : addressType === wanted
}

function hostOf (address: string, addressType: string): string {
  if (addressType === 'IPv6') return `[${address}]`
  // The dot of an absolute name is in no certificate.
  return addressType === 'FQDN' ? address.replace(/\.$/, '') : address
}

/** Two words about one endpoint: it is as far as the later one says, and IPv4 goes before IPv6. */
function merge (one: Endpoint | undefined, other: Endpoint): Endpoint {
  if (one === undefined) return other
  const stage = STAGES.indexOf(one.stage) > STAGES.indexOf(other.stage) ? one.stage : other.stage
  return { ...(one.v6 && !other.v6 ? other : one), stage }
}

/** Those that can be used, each URL once: a new pod may have the address of one that has ended. */
function distinct (endpoints: Map<string, Endpoint>): Endpoint[] {
  const byUrl = new Map<string, Endpoint>()
  for (const endpoint of endpoints.values()) {
    if (endpoint.stage === 'ready' || (endpoint.stage === 'leaving' && !byUrl.has(endpoint.url))) byUrl.set(endpoint.url, endpoint)
  }
  return [...byUrl.values()]
}

/**
 * What the conditions say; those that are not there are read as the API defines it. Terminating comes before ready: both are only
 * true with `publishNotReadyAddresses`, and a pod that is about to go is of no use, whatever else is to be ignored about it.
 */
function stageOf ({ ready, serving, terminating }: EndpointConditions): Stage {
  const isReady = ready ?? true
  if (terminating === true) return serving ?? isReady ? 'leaving' : 'ended'
  return isReady ? 'ready' : 'unready'
}

/** @throws Error when several would do */
function portOf (ports: readonly SlicePort[], { port: wanted, protocol, service }: Wanted): { number: number, protocol: string } | undefined {
  const tcp = ports.filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
  const fitting = tcp.filter(({ name, port }) => typeof wanted === 'number' ? port === wanted : port != null && (wanted === undefined || name === wanted))
  if (wanted === undefined && fitting.length > 1) {
    throw new Error(`port: missing, must be one of those of service '${service}': ${fitting.map(({ name, port }) => name == null || name === '' ? port : `'${name}' (${port})`).join(', ')}`)
  }
  const [port] = fitting
  const secure = port?.appProtocol === 'https' || port?.appProtocol === 'kubernetes.io/wss'
  const number = port?.port ?? (typeof wanted === 'number' && isAny(ports) ? wanted : undefined)
  return number === undefined ? undefined : { number, protocol: protocol ?? (secure ? 'https' : 'http') }
}

/** Whether a slice leaves the port open: that of a headless service may list none, and one without a number stands for all. */
function isAny (ports: readonly SlicePort[]): boolean {
  return ports.length === 0 || ports.some(({ port, protocol }) => port == null && (protocol ?? 'TCP') === 'TCP')
}

/**
 * In which zone an endpoint counts. Hints hold when every ready endpoint has one and one of them is for the own zone, as for
 * kube-proxy; then an endpoint counts where it is meant to serve, and else where it is.
 */
function zones (ready: readonly Endpoint[], own: string | undefined): (endpoint: Endpoint) => string | undefined {
  const hold = own !== undefined && ready.every(({ hints }) => hints.length > 0) && ready.some(({ hints }) => hints.includes(own))
  return ({ zone, hints }) => hold && hints.length > 0 ? (hints.includes(own) ? own : hints[0]) : zone
}
