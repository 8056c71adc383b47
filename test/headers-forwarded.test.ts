import t from 'tap'
import { forwardedElement, plainAddress } from '../lib/client.js'

t.test('an address of IPv4 is written as one, however it arrived', async t => {
  for (const [address, plain] of [
    ['::ffff:1.2.3.4', '1.2.3.4'], ['1.2.3.4', '1.2.3.4'], ['::1', '::1'], ['2001:db8::1', '2001:db8::1'], ['::ffff:102:304', '::ffff:102:304'], [undefined, undefined]
  ] as const) {
    t.equal(plainAddress(address), plain)
  }
})

t.test('a hop is written as an element of Forwarded, quoted where a token can not say it', async t => {
  for (const [peer, host, proto, element] of [
    ['1.2.3.4', 'shop.test', 'https', 'for=1.2.3.4;host=shop.test;proto=https'],
    ['1.2.3.4', 'shop.test:8443', 'http', 'for=1.2.3.4;host="shop.test:8443";proto=http'],
    ['2001:db8::1', '[2001:db8::2]:80', 'http', 'for="[2001:db8::1]";host="[2001:db8::2]:80";proto=http'],
    ['fe80::1%eth0', undefined, 'http', 'for="[fe80::1]";proto=http'],
    [undefined, 'localhost', 'http', 'for=unknown;host=localhost;proto=http'],
    ['1.2.3.4', 'a"b\\c, for=6.6.6.6', 'x y', 'for=1.2.3.4;host="a\\"b\\\\c, for=6.6.6.6";proto="x y"'],
    ['1.2.3.4', 'caf\xe9', '', 'for=1.2.3.4;host="caf\xe9"']
  ] as const) t.equal(forwardedElement(peer, host, proto), element)
})
