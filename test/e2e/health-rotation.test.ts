import t, { type Test } from 'tap'
import type { TargetSnapshot } from '../../lib/index.js'
import { gateway, named, until, type Gateway, type Upstream } from '../kit/index.js'

const INTERVAL = 100
const TIMEOUT = 500
const RISE = 2
const FALL = 3
/** What a loaded machine may add to any time. */
const SLACK = 3000
/** Jitter lengthens an interval by up to a tenth. */
const WORST_INTERVAL = INTERVAL * 1.1

interface Load {
  /** By name of the upstream that answered. */
  readonly answers: () => Record<string, number>
  readonly failures: unknown[]
  /** Ends the load and waits for the last answers. */
  readonly end: () => Promise<number>
}

/** More than this under way at once, and the machine is too slow for the rate: a client that went on would measure its own backlog. */
const MOST_PENDING = 100

/** Requests by the clock, whether or not the ones before have been answered. */
function load (t: Test, { request }: Gateway, perSecond: number): Load {
  const answers: Record<string, number> = {}
  const failures: unknown[] = []
  const pending = new Set<Promise<void>>()
  let last = performance.now()
  let due = 0
  let sent = 0

  async function send (): Promise<void> {
    const { statusCode, headers, body } = await request('/')
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`${statusCode} ${text}`)
    const name = String(headers['x-name'])
    answers[name] = (answers[name] ?? 0) + 1
  }

  const timer = setInterval(() => {
    const now = performance.now()
    due += (now - last) / 1000 * perSecond
    last = now
    for (; due >= 1; due--) {
      if (pending.size >= MOST_PENDING) continue
      sent++
      const one = send().catch((error: unknown) => { failures.push(error) }).finally(() => { pending.delete(one) })
      pending.add(one)
    }
  }, 5)
  t.teardown(() => { clearInterval(timer) })
  const end = async (): Promise<number> => {
    clearInterval(timer)
    await Promise.all(pending)
    return sent
  }
  return { answers: () => ({ ...answers }), failures, end }
}

async function elapsed (what: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await what()
  return performance.now() - started
}

/** How many more answers each upstream gives until `count` more have come in all. */
async function nextAnswers ({ answers }: Load, count: number): Promise<Record<string, number>> {
  const before = answers()
  const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, n) => sum + n, 0)
  await until(() => total(answers()) >= total(before) + count, 20_000)
  return Object.fromEntries(Object.entries(answers()).map(([name, n]) => [name, n - (before[name] ?? 0)]))
}

async function scene (t: Test): Promise<{ it: Gateway, b: Upstream, member: () => TargetSnapshot | undefined }> {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const it = await gateway(t, {
    name: 'users',
    targets: [a.url, b.url, c.url],
    health: { path: '/healthz', interval: INTERVAL, timeout: TIMEOUT, rise: RISE, fall: FALL }
  }, { logger: false })
  return { it, b, member: () => it.app.upstreams['users']?.targets[1] }
}

t.test('under 200 requests a second one of three targets dies and comes back, and no request fails', async t => {
  const { it, b, member } = await scene(t)
  const running = load(t, it, 200)
  const shares = await nextAnswers(running, 120)
  t.ok(Math.min(shares['a'] ?? 0, shares['b'] ?? 0, shares['c'] ?? 0) >= 20, `all three take part: ${JSON.stringify(shares)}`)

  await b.kill()
  const out = await elapsed(async () => { await until(() => member()?.health === 'down', 30_000) })
  const attempts = member()?.counters.attempts
  t.ok(out <= FALL * WORST_INTERVAL + TIMEOUT + SLACK, `out of rotation after ${out} ms`)
  const without = await nextAnswers(running, 120)
  t.equal(member()?.counters.attempts, attempts, 'it is not even tried')
  t.ok(Math.min(without['a'] ?? 0, without['c'] ?? 0) >= 30, 'the others share')

  const revived = await named(t, 'b', b.port)
  const back = await elapsed(async () => { await until(() => member()?.health === 'up', 30_000) })
  t.ok(back <= RISE * WORST_INTERVAL + SLACK, `back in rotation after ${back} ms`)
  // On a busy machine many answers are still on their way from before its return.
  await nextAnswers(running, 120)
  const again = await nextAnswers(running, 120)
  t.ok((again['b'] ?? 0) >= 20, `it has its share again: ${JSON.stringify(again)}`)
  t.ok(revived.hits() > 20)

  const sent = await running.end()
  t.same(running.failures, [], `of ${sent} requests`)
  t.ok(sent > 300)
})

t.test('under 200 requests a second a target that stops answering its probes, but not requests, leaves the rotation as gently', async t => {
  const { it, b, member } = await scene(t)
  // Probes are answered, late, with a status that is not well; what is in flight is answered as ever.
  const listener = b.server.listeners('request')[0] as (...args: unknown[]) => void
  b.server.removeAllListeners('request')
  b.server.on('request', (request, response) => {
    if (request.url === '/healthz') setTimeout(() => { response.writeHead(503).end() }, 20)
    else listener(request, response)
  })
  const running = load(t, it, 200)
  await until(() => member()?.health === 'down', 30_000)
  const attempts = member()?.counters.attempts
  t.equal(member()?.reason, 'status 503')
  await nextAnswers(running, 100)
  t.equal(member()?.counters.attempts, attempts)
  await running.end()
  t.same(running.failures, [])
})
