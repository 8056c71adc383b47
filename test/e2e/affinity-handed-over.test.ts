import t, { type Test } from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, named, until, upstream } from '../kit/index.js'
import { ask, holding, poolIn } from './holding.js'
import { browser, COOKIE, cookiesIn, SECRET, sticky, type Browser, type Sticky } from './sticking.js'

/** A client that belongs to target 0, and where. */
async function settled (t: Test, options: Parameters<typeof sticky>[2] = {}): Promise<{ gate: Sticky, client: Browser, url: string }> {
  const gate = await sticky(t, 3, options)
  const client = browser(gate)
  while ((await client.visit()).name !== '0') client.cookie = undefined
  client.given = 0
  return { gate, client, url: gate.upstreams[0]?.url ?? '' }
}

const ways: Record<string, (gate: Sticky, url: string) => Promise<unknown> | unknown> = {
  killed: async gate => { await gate.upstreams[0]?.kill() },
  drained: (gate, url) => { poolIn(gate).drain(url) },
  removed: async (gate, url) => { await poolIn(gate).remove(url) },
  'left out of a set': async gate => { await poolIn(gate).set(gate.upstreams.slice(1).map(({ url }) => url)) },
  'given weight 0': async gate => { await poolIn(gate).set(gate.upstreams.map(({ url }, i) => ({ url, weight: i }))) }
}

for (const [what, happens] of Object.entries(ways)) {
  void t.test(`when its target is ${what} a client is handed over, with one new cookie, and stays there`, async t => {
    const { gate, client, url } = await settled(t)
    await happens(gate, url)
    const { status, name } = await client.visit()
    t.equal(status, 200)
    t.not(name, '0')
    for (let i = 0; i < 5; i++) t.equal((await client.visit()).name, name)
    t.equal(client.given, 1)
  })
}

t.test('a target that its probes find down hands its clients over, and whoever was not here meanwhile finds it again', async t => {
  const clock = new VirtualClock()
  let sick = false
  const { gate, client } = await settled(t, {
    clock, health: { interval: 1000, jitter: 0, fall: 1, rise: 1, probe: async target => { if (sick && target.url === poolIn(gate).targets[0]?.url) throw new Error('sick') } }
  })
  const other = browser(gate, client.cookie)
  sick = true
  await clock.advance(1000)
  const { name } = await client.visit()
  t.not(name, '0')
  sick = false
  await clock.advance(1000)
  t.equal((await client.visit()).name, name, 'who was handed over is not sent back')
  t.same([(await other.visit()).name, other.given], ['0', 0])
})

t.test('a full target hands over', async t => {
  const [a, b] = [await holding(t, 'a'), await holding(t, 'b')]
  const gate = await gateway(t, { targets: [a.url, b.url], policy: 'first', limits: { target: 1 }, affinity: { cookie: COOKIE, secret: SECRET } })
  const first = ask(gate, '/')
  await until(() => a.held() === 1)
  a.release()
  const [cookie = ''] = cookiesIn(await first)
  const busy = ask(gate, '/')
  await until(() => a.held() === 1)
  b.open()
  const over = await ask(gate, '/', { headers: { cookie: cookie.split(';', 1)[0] } })
  t.same([over.name, cookiesIn(over).length], ['b', 1])
  a.open()
  await busy
  const back = await ask(gate, '/', { headers: { cookie: cookie.split(';', 1)[0] } })
  t.same([back.name, cookiesIn(back).length], ['a', 0], 'the old cookie is still worth something')
})

t.test('a request that fails at its own target goes on elsewhere, and its client stays there', async t => {
  const sick = await upstream(t, (_request, response) => { response.writeHead(503).end() })
  const well = await named(t, 'well')
  const gate = await gateway(t, { targets: [sick.url, well.url], policy: 'first', breaker: false, retries: { backoff: 0, budget: false }, affinity: { cookie: COOKIE, secret: SECRET } })
  const post = await ask(gate, '/', { method: 'POST' })
  t.same([post.status, cookiesIn(post).length], [503, 1], 'a POST is not repeated')
  const client = browser(gate, cookiesIn(post)[0]?.split(';', 1)[0])
  const hits = sick.hits()
  t.equal((await client.visit()).name, 'well')
  t.equal(sick.hits(), hits + 1, 'its own target was asked first')
  for (let i = 0; i < 3; i++) t.equal((await client.visit()).name, 'well')
  t.same([client.given, sick.hits()], [1, hits + 1])
})

t.test('a hedge that answers first is where its client belongs', async t => {
  const [slow, quick] = [await holding(t, 'slow'), await named(t, 'quick')]
  const clock = new VirtualClock()
  const gate = await gateway(t, { targets: [slow.url, quick.url], policy: 'first', hedge: { delay: 20 }, affinity: { cookie: COOKIE, secret: SECRET }, clock })
  const client = browser(gate)
  const first = client.visit()
  await until(() => slow.held() === 1)
  await clock.advance(20)
  t.equal((await first).name, 'quick')
  await until(() => slow.held() === 0)
  const hits = slow.hits()
  t.equal((await client.visit()).name, 'quick')
  t.same([client.given, slow.hits()], [1, hits])
})
