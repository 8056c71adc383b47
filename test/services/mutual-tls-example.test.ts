import t from 'tap'
import { run } from '../examples/run.js'

t.test('examples/mutual-tls.js, which needs openssl: the gateway is let in with its certificate, and a stranger is not', { timeout: 60_000 }, async t => {
  t.same(await run('mutual-tls.js'), ['gateway 200 hello, gateway', 'stranger 502 FST_BALANCER_FAILED'])
})
