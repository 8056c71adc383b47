import t from 'tap'
import type { EndpointConditions, EndpointSlice, SliceEndpoint, SlicePort } from '../../lib/kubernetes/endpoint-slice.js'
import { targetsOf } from '../../lib/kubernetes/targets.js'
import { recorded } from './fixtures/index.js'

const HTTP: SlicePort = { name: 'http', port: 8080, protocol: 'TCP' }

function slice (endpoints: SliceEndpoint[], ports: SlicePort[] | null = [HTTP], addressType = 'IPv4'): EndpointSlice {
  return { addressType, endpoints, ports }
}

function endpoint (address: string, conditions?: EndpointConditions, rest: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return { addresses: [address], ...(conditions === undefined ? {} : { conditions }), ...rest }
}

const LEAVING = { ready: false, serving: true, terminating: true }
const ENDED = { ready: false, serving: false, terminating: true }
const UNREADY = { ready: false, serving: false, terminating: false }

t.test('in a rolling update the ready pods of all slices are there, one that terminates is drained, the others are left out', async t => {
  t.strictSame(targetsOf(recorded('rolling-update'), { service: 'users', port: 'http' }), [
    { url: 'http://10.244.1.17:8080', zone: 'eu-central-1a' },
    { url: 'http://10.244.2.31:8080', zone: 'eu-central-1b', draining: 'terminating' },
    { url: 'http://10.244.2.33:8080', zone: 'eu-central-1b' }
  ])
})

t.test('a pod with two addresses is one target, by the IPv4 one unless told otherwise', async t => {
  const slices = recorded('dual-stack')
  const both = ['https://10.244.1.17:8443', 'https://[fd00:10:244:2::7]:8443']
  t.same(targetsOf(slices, { service: 'web' }).map(({ url }) => url), both)
  t.same(targetsOf([...slices].reverse(), { service: 'web' }).map(({ url }) => url), both, 'in whatever order they come')
  t.same(targetsOf(slices, { service: 'web', addressType: 'IPv6' }).map(({ url }) => url), ['https://[fd00:10:244:1::11]:8443', 'https://[fd00:10:244:2::7]:8443'])
  t.same(targetsOf(slices, { service: 'web', addressType: 'FQDN' }), [])
})

t.test('slices that somebody has written, by name and address, each with its port', async t => {
  t.strictSame(targetsOf(recorded('own-slices'), { service: 'legacy', path: '/v2' }), [
    { url: 'http://192.0.2.10:8088/v2' }, { url: 'http://legacy-a.example.com:80/v2' }, { url: 'http://legacy-b.example.com:80/v2' }
  ])
})

t.test('conditions mean what the API says, also those that are missing', async t => {
  const other = endpoint('10.0.0.9')
  const cases: Array<[EndpointConditions | undefined, 'up' | 'draining' | 'left out']> = [
    [undefined, 'up'],
    [{}, 'up'],
    [{ ready: null, serving: null, terminating: null }, 'up'],
    [{ ready: true }, 'up'],
    [{ ready: false }, 'left out'],
    [UNREADY, 'left out'],
    [{ ready: false, serving: true, terminating: false }, 'left out'],
    [LEAVING, 'draining'],
    [ENDED, 'left out'],
    [{ ready: false, terminating: true }, 'left out'],
    // Only with publishNotReadyAddresses.
    [{ ready: true, serving: false, terminating: false }, 'up'],
    [{ ready: true, serving: true, terminating: true }, 'draining'],
    [{ ready: true, serving: false, terminating: true }, 'left out']
  ]
  for (const [conditions, expected] of cases) {
    const found = targetsOf([slice([endpoint('10.0.0.1', conditions), other])], { service: 's' }).find(({ url }) => url.includes('10.0.0.1'))
    t.equal(found === undefined ? 'left out' : found.draining === undefined ? 'up' : 'draining', expected, JSON.stringify(conditions))
  }
})

t.test('when none is ready those that still serve are used, and are drained as soon as one is', async t => {
  const leaving = [endpoint('10.0.0.1', LEAVING), endpoint('10.0.0.2', ENDED), endpoint('10.0.0.3', UNREADY)]
  t.strictSame(targetsOf([slice(leaving)], { service: 's' }), [{ url: 'http://10.0.0.1:8080' }])
  t.strictSame(targetsOf([slice([...leaving, endpoint('10.0.0.4')])], { service: 's' }), [
    { url: 'http://10.0.0.1:8080', draining: 'terminating' }, { url: 'http://10.0.0.4:8080' }
  ])
})

t.test('an endpoint that is in two slices is one target, as far as the later word of it says', async t => {
  const at = (conditions: EndpointConditions, uid = 'a'): EndpointSlice => slice([endpoint('10.0.0.1', conditions, { targetRef: { uid } })])
  const other = slice([endpoint('10.0.0.9')])
  const state = (...slices: EndpointSlice[]): unknown => {
    const results = [slices, [...slices].reverse()].map(order => targetsOf([...order, other], { service: 's' }).filter(({ url }) => url.includes('10.0.0.1')))
    t.strictSame(results[0], results[1], 'in whatever order')
    return results[0]
  }
  t.strictSame(state(at({ ready: true }), at({ ready: true })), [{ url: 'http://10.0.0.1:8080' }])
  t.strictSame(state(at(UNREADY), at({ ready: true })), [{ url: 'http://10.0.0.1:8080' }])
  t.strictSame(state(at({ ready: true }), at(LEAVING)), [{ url: 'http://10.0.0.1:8080', draining: 'terminating' }])
  t.strictSame(state(at({ ready: true }), at(ENDED)), [])
  t.strictSame(state(at(LEAVING, 'old'), at({ ready: true }, 'new')), [{ url: 'http://10.0.0.1:8080' }], 'the address has gone over to a new pod')
  t.strictSame(state(at(ENDED, 'old'), at({ ready: true }, 'new')), [{ url: 'http://10.0.0.1:8080' }])
})

t.test('ports by name, by number, or the only one; UDP is none', async t => {
  const two = [{ name: 'http', port: 8080 }, { name: 'admin', port: 9000, protocol: 'TCP' }, { name: 'http', port: 8080, protocol: 'UDP' }]
  const urls = (ports: SlicePort[] | null, port?: string | number): string[] => targetsOf([slice([endpoint('10.0.0.1')], ports)], { service: 's', port }).map(({ url }) => url)
  t.same(urls(two, 'admin'), ['http://10.0.0.1:9000'])
  t.same(urls(two, 9000), ['http://10.0.0.1:9000'])
  t.same(urls([{ name: 'dns', port: 53, protocol: 'UDP' }, { port: 8080 }]), ['http://10.0.0.1:8080'])
  t.same(urls([{ name: null, port: 8080 }]), ['http://10.0.0.1:8080'])
  t.same(urls([], 8080), ['http://10.0.0.1:8080'], 'a headless service may list none')
  t.same(urls([{}], 8080), ['http://10.0.0.1:8080'], 'a port without a number is any')
  t.throws(() => urls(two), { message: "port: missing, must be one of those of service 's': 'http' (8080), 'admin' (9000)" })
  t.throws(() => urls(two, 80), { message: "port 80: the endpoints of service 's' do not have it, they have 8080 (http), 8080 (http, UDP), 9000 (admin, TCP)" })
  t.throws(() => urls(two, 'web'), { message: /^port web: the endpoints of service 's' do not have it/ })
  t.same(urls([]), [], 'nothing to tell which it could be')
})

t.test('a named port may have another number in every slice, and a slice that lacks it adds nothing', async t => {
  const slices = [
    slice([endpoint('10.0.0.1')], [{ name: 'http', port: 8080 }]),
    slice([endpoint('10.0.0.2')], [{ name: 'http', port: 8081 }]),
    slice([endpoint('10.0.0.3')], [{ name: 'grpc', port: 8082 }])
  ]
  t.same(targetsOf(slices, { service: 's', port: 'http' }).map(({ url }) => url), ['http://10.0.0.1:8080', 'http://10.0.0.2:8081'])
})

t.test('slices without endpoints say nothing of ports', async t => {
  t.same(targetsOf([slice([], [{ name: 'a', port: 1 }, { name: 'b', port: 2 }]), { addressType: 'IPv4', endpoints: null, ports: null }], { service: 's' }), [])
  t.same(targetsOf([slice([], [{ name: 'a', port: 1 }])], { service: 's', port: 'http' }), [])
})

t.test('the scheme is what was asked for, else what the port says', async t => {
  const scheme = (appProtocol: string | null, protocol?: 'http' | 'https'): string | undefined =>
    targetsOf([slice([endpoint('10.0.0.1')], [{ ...HTTP, appProtocol }])], { service: 's', protocol })[0]?.url.split(':')[0]
  t.equal(scheme(null), 'http')
  t.equal(scheme('http'), 'http')
  t.equal(scheme('https'), 'https')
  t.equal(scheme('kubernetes.io/ws'), 'http')
  t.equal(scheme('kubernetes.io/wss'), 'https')
  t.equal(scheme('https', 'http'), 'http')
  t.equal(scheme(null, 'https'), 'https')
})

t.test('hints hold when every ready endpoint has one and one is for the own zone', async t => {
  const hinted = (address: string, zone: string, forZones: string[], conditions: EndpointConditions = {}): SliceEndpoint =>
    endpoint(address, conditions, { zone, hints: { forZones: forZones.map(name => ({ name })) } })
  const zones = (endpoints: SliceEndpoint[], zone?: string): unknown => targetsOf([slice(endpoints)], { service: 's', zone }).map(({ zone }) => zone)
  const lent = [hinted('10.0.0.1', 'a', ['a']), hinted('10.0.0.2', 'b', ['b']), hinted('10.0.0.3', 'b', ['a'])]
  t.same(zones(lent, 'a'), ['a', 'b', 'a'], 'the one that b lends to a counts in a')
  t.same(zones(lent, 'b'), ['a', 'b', 'a'])
  t.same(zones(lent), ['a', 'b', 'b'], 'without a zone of our own they count where they are')
  t.same(zones(lent, 'c'), ['a', 'b', 'b'], 'nobody is meant for us')
  t.same(zones([...lent, endpoint('10.0.0.4', {}, { zone: 'b' })], 'a'), ['a', 'b', 'b', 'b'], 'one has no hint')
  t.same(zones([...lent, endpoint('10.0.0.4', LEAVING, { zone: 'b' })], 'a'), ['a', 'b', 'a', 'b'], 'one that is not ready needs none')
  t.same(zones([hinted('10.0.0.1', 'a', ['a', 'b']), hinted('10.0.0.2', 'a', ['c'])], 'b'), ['b', 'c'])
})

t.test('no address, no target', async t => {
  t.same(targetsOf([slice([{ addresses: [] }]), slice([endpoint('x')], [HTTP], 'Carrier-Pigeon')], { service: 's' }), [])
})
