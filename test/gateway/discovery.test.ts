import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nameServer, v4 } from '../discovery/name-server.js'
import '../kubernetes/older-node.js'
import { named, until } from '../kit/index.js'
import { gateway, type GatewayDocument, type RunningGateway } from '../../lib/gateway/index.js'
import { directory } from './kit.js'

const SILENT = { log: { level: 'silent' }, listen: { host: '127.0.0.1', port: 0 } } as const

function document (discovery: GatewayDocument['pools'][string]['discovery'], more: object = {}): GatewayDocument {
  return { ...SILENT, pools: { users: { discovery, ...more } as GatewayDocument['pools'][string] }, routes: [{ prefix: '/users', pool: 'users' }] }
}

function urls (running: RunningGateway): string[] {
  return running.upstreams['users']?.targets.map(({ url }) => url) ?? []
}

t.test('a gateway listens when the first list is there', async t => {
  const { url, port } = await named(t, 'a')
  const { address, replies } = await nameServer(t)
  replies.set('A api.test', [v4('127.0.0.1')])
  const running = await gateway(document({ type: 'dns', name: 'api.test', port, servers: [address] }))
  t.teardown(async () => { await running.stop() })
  t.same(urls(running), [url])
  const { headers } = await (await fetch(`${running.address}/users`)).json() as { headers: Record<string, string> }
  t.equal(headers['host'], `api.test:${port}`)
})

t.test('records other than A are asked for too, and what fails at the start leaves the targets that are given', async t => {
  const { address, replies } = await nameServer(t)
  replies.set('AAAA api.test', 'SERVFAIL')
  const running = await gateway(document({ type: 'dns', records: 'AAAA', name: 'api.test', servers: [address] }, { targets: ['http://127.0.0.1:1'] }))
  t.teardown(async () => { await running.stop() })
  t.match(running.upstreams['users']?.discovery, { failure: /api\.test, AAAA: the name server failed/ })
  t.same(urls(running), ['http://127.0.0.1:1'])
})

t.test('a reload leaves a source alone that is as before, and keeps the members of one that is not until it has spoken', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { address, replies, asked } = await nameServer(t)
  replies.set('A api.test', [v4('127.0.0.1', 60)])
  const dns = { type: 'dns', name: 'api.test', port: a.port, servers: [address] }
  const running = await gateway(document(dns))
  t.teardown(async () => { await running.stop() })
  await fetch(`${running.address}/users`)
  const answered = (): number | undefined => running.upstreams['users']?.targets[0]?.counters.answered
  t.equal(asked.length, 1)

  await running.reload(document({ ...dns, servers: [address] }, { timeouts: { headers: 5000 } }))
  t.equal(asked.length, 1, 'the source was not begun anew')
  t.equal(answered(), 1, 'and its target is the same')

  const path = join(await directory(t), 'targets.json')
  await running.reload(document({ type: 'file', path, interval: 20 }))
  t.equal((await fetch(`${running.address}/users`)).status, 200, 'the file is not there yet, the member is')
  t.equal(answered(), 2)
  await writeFile(path, JSON.stringify([{ url: b.url, weight: 2 }]))
  await until(() => urls(running)[0] === b.url, 30_000)
  t.same(urls(running), [b.url])
  t.equal((await fetch(`${running.address}/users`)).status, 200)
})

t.test('kubernetes is a source too, and says what it needs', async t => {
  const kubeconfig = join(await directory(t), 'config')
  const running = await gateway(document({ type: 'kubernetes', service: 'users', kubeconfig }, { targets: ['http://127.0.0.1:1'], discoveryTimeout: 0 }))
  t.teardown(async () => { await running.stop() })
  const failure = (): string | undefined => running.upstreams['users']?.discovery?.failure
  await until(() => failure() !== undefined, 60_000)
  t.match(failure(), /^kubernetes\.kubeconfig: .+config/)
})
