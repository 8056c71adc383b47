import t, { type Test } from 'tap'
import type { Socket } from 'node:net'
import { gateway, rawUpstream } from '../kit/index.js'

const REQUESTS = 240

interface Racing { readonly url: string, readonly seen: Map<string, number> }

/** Lets go of each connection a few ms after its answer, while the next request may be on its way. */
async function racing (t: Test): Promise<Racing> {
  const seen = new Map<string, number>()
  let answers = 0
  const url = await rawUpstream(t, (socket: Socket) => {
    socket.setNoDelay(true)
    let closing: NodeJS.Timeout | undefined
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const path = /^[A-Z]+ (\S+) [^]*\r\n\r\n/.exec(text)?.[1]
      if (path === undefined) return
      text = ''
      clearTimeout(closing)
      seen.set(path, (seen.get(path) ?? 0) + 1)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      const close = (): void => { if (answers % 2 === 0) socket.end(); else socket.resetAndDestroy() }
      const wait = answers++ % 9
      closing = setTimeout(close, wait)
    })
    socket.on('close', () => { clearTimeout(closing) })
  })
  return { url, seen }
}

for (const size of [1, 2]) {
  t.test(`a pool of ${size} whose targets close idle connections after 0 to 8 ms: no GET fails, no POST comes twice`, async t => {
    const targets = await Promise.all(Array.from({ length: size }, async () => await racing(t)))
    const { app, request } = await gateway(t, { name: 'pool', targets: targets.map(({ url }) => url) })
    const statuses: Record<string, number> = {}
    for (let i = 0; i < REQUESTS; i++) {
      const method = i % 4 === 3 ? 'POST' : 'GET'
      const response = await request(`/${method}-${i}`, { method })
      await response.body.dump()
      const what = `${method} ${response.statusCode}`
      statuses[what] = (statuses[what] ?? 0) + 1
      await new Promise(resolve => { setTimeout(resolve, i % 7) })
    }
    t.equal(statuses['GET 200'], REQUESTS * 3 / 4, JSON.stringify(statuses))
    t.equal((statuses['POST 200'] ?? 0) + (statuses['POST 502'] ?? 0), REQUESTS / 4, JSON.stringify(statuses))
    const posts = targets.flatMap(({ seen }) => [...seen]).filter(([path]) => path.startsWith('/POST'))
    t.same(posts.filter(([, times]) => times > 1), [])
    t.equal(new Set(posts.map(([path]) => path)).size, posts.length, 'nor at two targets')
    t.same(app.upstreams['pool']?.targets.map(({ inFlight, health, counters }) => [inFlight, health, counters.faults]), targets.map(() => [0, 'up', 0]))
  })
}

t.test('a POST that finds its connection closed is a 502, and is sent once', async t => {
  const seen: string[] = []
  const url = await rawUpstream(t, socket => {
    socket.on('data', (chunk: Buffer) => {
      const [method = ''] = chunk.toString('latin1').split(' ', 1)
      seen.push(method)
      if (method === 'GET') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.resetAndDestroy()
    })
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: [url, 'http://127.0.0.1:1'], policy: 'first' })
  await (await request('/')).body.dump()
  const response = await request('/', { method: 'POST' })
  t.equal(response.statusCode, 502)
  t.match(await response.body.json(), { code: 'FST_BALANCER_FAILED' })
  t.same(seen, ['GET', 'POST'])
  t.match(app.upstreams['pool']?.targets[0], { counters: { failed: 1, faults: 0 } }, 'and the target is not blamed')
})
