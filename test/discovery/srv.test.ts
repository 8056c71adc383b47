import t from 'tap'
import { srvTargets, type ResolvedRecord } from '../../lib/discovery/srv.js'

function weights (...records: Array<Partial<ResolvedRecord> & { readonly addresses: readonly string[] }>): Record<string, [number, number]> {
  const complete = records.map(record => ({ port: 80, priority: 0, weight: 1, ...record }))
  return Object.fromEntries(srvTargets(complete, (address, port) => ({ url: `${address}:${port}` })).map(({ url, priority = NaN, weight = NaN }) => [url, [priority, weight]]))
}

t.test('priority is the tier, weight the share, and the port is that of the record', async t => {
  t.same(weights({ addresses: ['a'], port: 1, priority: 10, weight: 60 }, { addresses: ['b'], port: 2, priority: 20, weight: 5 }), { 'a:1': [10, 60], 'b:2': [20, 5] })
})

t.test('weight 0 is a small weight and no drain: all of a tier together have what 1 would have', async t => {
  t.same(weights({ addresses: ['a'], weight: 99 }, { addresses: ['b'], weight: 0 }), { 'a:80': [0, 99], 'b:80': [0, 1] })
  t.same(weights({ addresses: ['a'], weight: 99 }, { addresses: ['b'], weight: 0 }, { addresses: ['c'], weight: 0 }), { 'a:80': [0, 99], 'b:80': [0, 0.5], 'c:80': [0, 0.5] })
  t.same(weights({ addresses: ['a'], weight: 0 }, { addresses: ['b'], weight: 0 }), { 'a:80': [0, 0.5], 'b:80': [0, 0.5] }, 'alone they share all of it')
  t.same(weights({ addresses: ['a'], weight: 0 }, { addresses: ['b'], weight: 0, priority: 1 }), { 'a:80': [0, 1], 'b:80': [1, 1] }, 'each tier by itself')
})

t.test('a target with several addresses shares its weight out', async t => {
  t.same(weights({ addresses: ['a', 'b'], weight: 10 }, { addresses: ['c'], weight: 10 }), { 'a:80': [0, 5], 'b:80': [0, 5], 'c:80': [0, 10] })
})

t.test('two names for one server add up; in a later tier it is there already', async t => {
  t.same(weights({ addresses: ['a'], weight: 2 }, { addresses: ['a'], weight: 3 }), { 'a:80': [0, 5] })
  t.same(weights({ addresses: ['a'], weight: 2 }, { addresses: ['a'], weight: 3, priority: 1 }), { 'a:80': [0, 2] })
  t.same(weights({ addresses: ['a'], weight: 3, priority: 1 }, { addresses: ['a'], weight: 2 }), { 'a:80': [0, 2] })
})
