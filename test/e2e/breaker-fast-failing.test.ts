import t from 'tap'
import { gateway, type Gateway } from '../kit/index.js'
import { health, moody, status, type Moody } from './breaker-kit.js'

/** Keeps `count` requests under way until `total` have been answered. */
async function pressure ({ request }: Gateway, count: number, total: number): Promise<void> {
  let sent = 0
  await Promise.all(Array.from({ length: count }, async () => {
    while (sent++ < total) await (await request('/')).body.dump()
  }))
}

async function scene (t: Parameters<typeof moody>[0]): Promise<[Moody, Moody, Moody]> {
  const slow: Moody['mood'] = response => { setTimeout(() => { status(200)(response, '/') }, 50) }
  return [await moody(t, slow), await moody(t, status(500)), await moody(t, slow)]
}

for (const policy of ['least-requests', 'p2c', 'round-robin'] as const) {
  t.test(`a target that fails fast is ejected before it has drawn the traffic to itself: ${policy}`, async t => {
    const all = await scene(t)
    const gate = await gateway(t, { name: 'pool', policy, retries: 0, targets: all.map(({ url }) => url), breaker: { ejection: 60_000 } })
    await pressure(gate, 60, 600)
    t.equal(health(gate)[1], 'down')
    const hits = all.map(target => target.hits())
    t.ok((hits[1] ?? 0) < 600 / 3, `less than its share: ${hits.join(', ')}`)
  })
}
