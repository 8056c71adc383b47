import t from 'tap'
import type { Probe } from '../../lib/health/active.js'
import { named, until, upstream } from '../kit/index.js'
import { CERT, deserted, poolOf, tlsUpstream, verdict } from './kit.js'

t.test('a probe of one\'s own is given the target, connections to it and its deadline, and decides alone', async t => {
  const target = await named(t, 'a')
  let seen: unknown[] = []
  const probe: Probe = async ({ url, basePath, weight }, dispatcher, signal) => {
    const { statusCode, body } = await dispatcher.request({ method: 'POST', path: `${basePath}/check`, body: 'hello', signal })
    const { url: path, bytes } = await body.json() as { url: string, bytes: number }
    seen = [url, weight, statusCode, path, bytes, signal.aborted]
  }
  t.equal(await verdict(t, `${target.url}/base`, { probe }), 'up')
  t.same(seen, [`${target.url}/base`, 1, 200, '/base/check', 5, false])
})

t.test('what it rejects with is the reason', async t => {
  const { url } = await named(t, 'a')
  t.equal(await verdict(t, url, { probe: async () => { throw new Error('replication lags behind') } }), 'replication lags behind')
})

t.test('its connections use the pool\'s TLS options and the probes\' port', async t => {
  const { url } = await tlsUpstream(t, (_request, response) => { response.end('well') })
  const probe: Probe = async (_target, dispatcher, signal) => {
    const { body } = await dispatcher.request({ method: 'GET', path: '/', signal })
    if (await body.text() !== 'well') throw new Error('not well')
  }
  t.equal(await verdict(t, url, { probe }, { tls: { ca: CERT } }), 'up')
  t.match(await verdict(t, url, { probe }), 'self-signed certificate')
  const sidecar = await upstream(t, (_request, response) => { response.end('well') })
  t.equal(await verdict(t, 'http://127.0.0.1:1', { probe, port: sidecar.port }), 'up')
})

t.test('a probe that leaves its answer unread does not hold up the next, nor keep the connection', async t => {
  const target = await upstream(t, (_request, response) => { response.end(Buffer.alloc(1024 * 1024)) })
  let finished = 0
  const { pool } = poolOf(t, {
    targets: [target.url],
    health: {
      interval: 5,
      fall: 1,
      timeout: 5000,
      probe: async (_target, dispatcher) => {
        const { statusCode } = await dispatcher.request({ method: 'GET', path: '/' })
        if (statusCode !== 200) throw new Error(`status ${statusCode}`)
        finished++
      }
    }
  })
  pool.start()
  await until(() => finished >= 5)
  t.equal(pool.targets[0]?.health, 'up')
  pool.stop()
  await deserted(target.server)
})

t.test('a probe that ignores its signal loses its connections when time is up, and gets no new ones', async t => {
  const target = await upstream(t, () => {})
  const errors: Error[] = []
  const probe: Probe = async (_target, dispatcher) => {
    for (let i = 0; i < 3; i++) await dispatcher.request({ method: 'GET', path: '/' }).catch(error => { errors.push(error as Error) })
  }
  t.equal(await verdict(t, target.url, { probe, timeout: 100 }), 'no answer within 100 ms')
  await until(() => errors.length === 3)
  await deserted(target.server)
  t.equal(target.hits(), 1)
})
