import Fastify from 'fastify'
import t from 'tap'
import { parseDocument } from 'yaml'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { gatewayDocuments } from './kit.js'

const KEYS = {
  top: ['listen', 'log', 'workers', 'admin', 'pools', 'routes', 'guards'],
  listen: ['host', 'port', 'tls', 'trustProxy'],
  log: ['level', 'pretty'],
  admin: ['host', 'port']
}

interface Document {
  readonly listen: object
  readonly log: object
  readonly admin: object
  readonly pools: Record<string, { targets?: string[], discovery?: { type: string } }>
  readonly routes: object[]
}

const documents = gatewayDocuments()

t.test('there is a gateway document for each way to deploy', async t => {
  t.equal(documents.length, 3)
})

for (const { name, text } of documents) {
  t.test(`${name} says what the program understands`, async t => {
    const parsed = parseDocument(text)
    t.same([...parsed.errors, ...parsed.warnings], [])
    const document = parsed.toJS() as Document
    const unknown = (has: object, allowed: readonly string[]): string[] => Object.keys(has).filter(key => !allowed.includes(key))
    t.same(unknown(document, KEYS.top), [])
    for (const part of ['listen', 'log', 'admin'] as const) t.same(unknown(document[part], KEYS[part]), [], part)

    // The rest are options of the plugin, which checks them itself.
    const pools = Object.entries(document.pools).map(([pool, { discovery, ...options }]) => {
      t.ok(discovery === undefined || ['dns', 'file', 'kubernetes'].includes(discovery.type), pool)
      return [pool, { targets: discovery === undefined ? [] : ['http://127.0.0.1:1'], ...options, health: undefined }]
    })
    const app = Fastify()
    await app.register(balancer, { pools: Object.fromEntries(pools), routes: document.routes } as unknown as BalancerOptions)
    await app.ready()
    for (const pool of Object.values(app.upstreams)) t.ok(pool.targets.length > 0)
    await app.close()
  })
}
