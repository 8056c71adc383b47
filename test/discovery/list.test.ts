import t from 'tap'
import { listedTargets } from '../../lib/discovery.js'

t.test('a list of URLs and targets is complete', async t => {
  t.same(listedTargets(['http://a.test/', { url: 'https://10.0.0.1', weight: 2, priority: 1, zone: 'z', host: 'b.test' }]), [
    { url: 'http://a.test', weight: 1, priority: 0, zone: undefined, host: undefined, draining: undefined },
    { url: 'https://10.0.0.1', weight: 2, priority: 1, zone: 'z', host: 'b.test', draining: undefined }
  ])
  t.same(listedTargets([]), [])
})

t.test('draining is a yes, a no or a reason', async t => {
  const reasons = [true, false, 'terminating', undefined].map(draining => listedTargets([{ url: 'http://a.test', draining }])[0]?.draining)
  t.same(reasons, ['draining, says discovery', undefined, 'terminating', undefined])
})

t.test('what is listed twice, in whatever spelling, is one target, which drains only if all say so', async t => {
  t.match(listedTargets([{ url: 'http://a.test', weight: 3 }, 'HTTP://A.test:80/', 'http://b.test']), [{ url: 'http://a.test', weight: 3 }, { url: 'http://b.test' }])
  t.equal(listedTargets(['http://a.test', 'http://a.test/']).length, 1)
  const drains = (...list: Array<boolean | string>): string | undefined => listedTargets(list.map(draining => ({ url: 'http://a.test', draining })))[0]?.draining
  t.equal(drains('bye', false), undefined)
  t.equal(drains(false, 'bye'), undefined)
  t.equal(drains('bye', true), 'bye')
})

t.test('a bad list is refused as a whole, with the entry, its value and what is allowed', async t => {
  for (const [list, message] of [
    ['http://a.test', "list: 'http://a.test', must be a list of targets"],
    [undefined, 'list: undefined, must be a list of targets'],
    [{ targets: [] }, 'list: { targets: [] }, must be a list of targets'],
    [['http://a.test', 'b.test'], "list[1]: 'b.test', must be an absolute http: or https: URL"],
    [['http://a.test', { url: 'http://b.test', weight: -1 }], 'list[1].weight: -1, must be >= 0'],
    // eslint-disable-next-line no-sparse-arrays -- as a bug may make one
    [['http://a.test', , 'http://b.test'], 'list[1]: undefined, must be a URL or { url, weight, priority, zone, host }'],
    [[{ url: 'http://a.test', draining: 1 }], 'list[0].draining: 1, must be true, false or a text that is not empty'],
    [[{ url: 'http://a.test', draining: '' }], "list[0].draining: '', must be true, false or a text that is not empty"],
    [[{ url: 'http://a.test', wieght: 1 }], 'list[0].wieght: unknown option, allowed are url, weight, priority, zone, host']
  ] as const) t.throws(() => listedTargets(list), { code: 'FST_BALANCER_BAD_OPTION', message })
})
