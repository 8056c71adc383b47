import t from 'tap'
import { targetConfig, targetUrl } from '../lib/target-config.js'

t.test('a target is a URL, or a URL with a weight', async t => {
  t.strictSame(targetConfig('http://a.test:3000', 'targets[0]'), { url: 'http://a.test:3000', weight: 1, priority: 0, zone: undefined, host: undefined })
  t.strictSame(targetConfig({ url: 'http://a.test' }, 'targets[0]'), { url: 'http://a.test', weight: 1, priority: 0, zone: undefined, host: undefined })
  t.strictSame(targetConfig({ url: 'http://a.test', weight: 0 }, 'targets[0]'), { url: 'http://a.test', weight: 0, priority: 0, zone: undefined, host: undefined })
  t.strictSame(targetConfig({ url: 'http://a.test', weight: 0.5 }, 'targets[0]'), { url: 'http://a.test', weight: 0.5, priority: 0, zone: undefined, host: undefined })
  t.strictSame(targetConfig(new URL('http://a.test/v2/'), 'targets[0]'), { url: 'http://a.test/v2', weight: 1, priority: 0, zone: undefined, host: undefined })
})

t.test('a bad target is refused with its place, its value and what is allowed', async t => {
  for (const [value, message] of [
    [{ url: 'http://a.test', weight: -1 }, 'targets[1].weight: -1, must be >= 0'],
    [{ url: 'http://a.test', weight: '2' }, "targets[1].weight: '2', must be a number"],
    [{ url: 'http://a.test', weight: NaN }, 'targets[1].weight: NaN, must be a number'],
    [{ url: 'http://a.test', weight: Infinity }, 'targets[1].weight: Infinity, must be a number'],
    [{ url: 'http://a.test', weight: null }, 'targets[1].weight: null, must be a number'],
    [{ url: 'http://a.test', wieght: 2 }, 'targets[1].wieght: unknown option, allowed are url, weight, priority, zone, host'],
    [{}, 'targets[1]: {}, must be a URL or { url, weight, priority, zone, host }'],
    [{ weight: 1 }, 'targets[1]: { weight: 1 }, must be a URL or { url, weight, priority, zone, host }'],
    [{ url: 5 }, 'targets[1]: { url: 5 }, must be a URL or { url, weight, priority, zone, host }'],
    [null, 'targets[1]: null, must be a URL or { url, weight, priority, zone, host }'],
    [undefined, 'targets[1]: undefined, must be a URL or { url, weight, priority, zone, host }'],
    [3000, 'targets[1]: 3000, must be a URL or { url, weight, priority, zone, host }'],
    ['', "targets[1]: '', must be an absolute http: or https: URL"],
    ['a.test:3000', "targets[1]: 'a.test:3000', must be an absolute http: or https: URL"],
    ['/path', "targets[1]: '/path', must be an absolute http: or https: URL"],
    ['//a.test', "targets[1]: '//a.test', must be an absolute http: or https: URL"],
    ['ftp://a.test', "targets[1]: 'ftp://a.test', must be an absolute http: or https: URL"],
    ['http:a.test', "targets[1]: 'http:a.test', must be an absolute http: or https: URL"],
    ['http://', "targets[1]: 'http://', must be an absolute http: or https: URL"],
    ['http://a.test:99999', "targets[1]: 'http://a.test:99999', must be an absolute http: or https: URL"],
    ['http://a.test?x=1', "targets[1]: 'http://a.test?x=1', must not have a query or a fragment"],
    ['http://a.test#x', "targets[1]: 'http://a.test#x', must not have a query or a fragment"]
  ] as const) {
    t.throws(() => targetConfig(value, 'targets[1]'), { code: 'FST_BALANCER_BAD_OPTION', message })
  }
})

t.test('a host is a name, with its port if it is not the default', async t => {
  for (const [url, host, expected] of [
    ['http://10.0.0.1', 'API.test', 'api.test'], ['http://10.0.0.1:3000', 'api.test', 'api.test'], ['http://10.0.0.1', 'api.test:80', 'api.test'],
    ['https://10.0.0.1', 'api.test:80', 'api.test:80'], ['https://[::1]:8443', 'api.test:8443', 'api.test:8443'], ['http://10.0.0.1', 'a_b.test.', 'a_b.test.']
  ] as const) t.equal(targetConfig({ url, host }, 'targets[0]').host, expected, `${url} ${host}`)
  for (const host of ['', 5, null, '10.0.0.1', '[::1]', 'a b', 'a.test/x', 'a.test:0', 'a.test:65536', 'a.test:', 'http://a.test', 'x@a.test', '1.2', 'a.test\n']) {
    t.throws(() => targetConfig({ url: 'http://10.0.0.1', host }, 'targets[0]'), {
      code: 'FST_BALANCER_BAD_OPTION', message: /^targets\[0\]\.host: .*, must be a host name, with a port if it is not the default$/
    }, String(host))
  }
})

t.test('credentials in a URL are refused, and are not repeated in the message', async t => {
  for (const url of ['http://user:secret@a.test', 'http://secret@a.test', 'https://:secret@a.test/v2']) {
    try {
      targetConfig(url, 'targets[0]')
      t.fail(`${url} was taken`)
    } catch (error) {
      const { message } = error as Error
      t.match(message, /^targets\[0\]: .*, must not have credentials; send them as a header$/)
      t.notMatch(message, /secret/)
    }
  }
})

t.test('every spelling of a URL comes to the same', async t => {
  for (const url of ['http://a.test', 'http://a.test/', 'HTTP://A.TEST', 'http://a.test:80', 'http://a.test:80//', 'http://a.test/x/..']) {
    t.equal(targetUrl(url, 'url'), 'http://a.test', url)
  }
  for (const url of ['https://a.test/v2', 'https://a.test:443/v2/', 'https://a.test/./v2///']) t.equal(targetUrl(url, 'url'), 'https://a.test/v2', url)
  t.equal(targetUrl('http://[0:0:0:0:0:0:0:1]:3000', 'url'), 'http://[::1]:3000')
  t.equal(targetUrl('http://a.test/caf%C3%A9', 'url'), 'http://a.test/caf%C3%A9')
  t.equal(targetUrl('http://a.test/V2', 'url'), 'http://a.test/V2', 'but a path is told apart by its case')
})
