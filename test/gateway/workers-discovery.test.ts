import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nameServer, v4 } from '../discovery/name-server.js'
import { named } from '../kit/index.js'
import { eventually } from '../workers/kit.js'
import { directory, replace, start } from './kit.js'
import { ask, forwarders } from './workers-kit.js'

t.test('what one process discovers, from a file and from DNS, reaches both workers', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { address, replies, asked } = await nameServer(t)
  replies.set('A api.test', [v4('127.0.0.1', 1)])
  const list = join(await directory(t), 'targets.yaml')
  await writeFile(list, `- ${a.url}\n`)
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    workers: 2
    pools:
      listed: { discovery: { type: file, path: "${list}", interval: 50 } }
      named: { discovery: { type: dns, name: api.test, port: ${a.port}, servers: ["${address}"], minTtl: 500, maxTtl: 500 } }
    routes: [{ prefix: /listed, pool: listed }, { prefix: /named, pool: named }]
  `)
  t.equal((await fetch(`${gateway.address}/listed`)).status, 200, 'the first lists were waited for')
  t.equal((await fetch(`${gateway.address}/named`)).status, 200)
  await ask(gateway, '/listed', () => forwarders(gateway.lines, a.url).size === 2)

  await replace(list, `- ${b.url}\n`)
  await ask(gateway, '/listed', () => forwarders(gateway.lines, b.url).size === 2)
  t.pass('both have the new list')

  const [from, before] = [performance.now(), asked.length]
  await eventually(async () => asked.length >= before + 4)
  t.ok(asked.length - before <= (performance.now() - from) / 500 + 2, 'as many questions as one process asks')
  t.equal(await gateway.stop(), 0)
})
