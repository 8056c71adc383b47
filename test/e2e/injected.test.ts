import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, upstream } from '../kit/index.js'

for (const method of ['GET', 'POST', 'HEAD'] as const) {
  t.test(`an injected ${method} leaves nothing behind, and nothing comes of it later`, async t => {
    const { url } = await upstream(t, (request, response) => { request.resume().once('end', () => { response.end('answer') }) })
    const clock = new VirtualClock()
    const { app } = await gateway(t, { targets: [url], timeouts: { idle: 1000 }, clock })
    const ask = async (): Promise<number> => (await app.inject({ method, url: '/', ...(method === 'POST' ? { payload: 'question' } : {}) })).statusCode
    t.equal(await ask(), 200)
    const { pending } = clock
    for (let i = 0; i < 5; i++) t.equal(await ask(), 200)
    t.equal(clock.pending, pending, 'no timer is left of any')
    await clock.advance(120_000)
    t.equal(await ask(), 200)
  })
}
