import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { defaultsText } from '../../lib/gateway/defaults.js'
import { DESCRIPTIONS } from '../../lib/gateway/descriptions.js'
import { EXTENSIONS } from '../../lib/gateway/extensions.js'
import { gatewaySchema } from '../../lib/gateway/json-schema.js'
import { directory, run } from './kit.js'

const schema = gatewaySchema(EXTENSIONS)
const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true })

/** Every option of the schema by its path, as descriptions have it. */
function options (schema: Readonly<Record<string, unknown>>, path: string[] = []): Map<string, Record<string, unknown>> {
  const found = new Map<string, Record<string, unknown>>()
  for (const [name, option] of Object.entries((schema['properties'] ?? {}) as Record<string, Record<string, unknown>>)) {
    found.set([...path, name].join('.'), option)
    for (const [key, value] of options(option, [...path, name])) found.set(key, value)
  }
  // Kinds of one object, by what their `type` says.
  interface Kind { readonly if: { readonly properties: { readonly type: { readonly const: string } } }, readonly then: { readonly properties: Record<string, unknown> } }
  for (const { if: { properties: { type } }, then } of (schema['allOf'] ?? []) as Kind[]) {
    const { type: _, ...properties } = then.properties
    for (const [key, value] of options({ properties }, [...path, type.const])) found.set(key, value)
  }
  for (const part of ['additionalProperties', 'items']) {
    if (typeof schema[part] === 'object') for (const [key, value] of options(schema[part] as Record<string, unknown>, [...path, '*'])) found.set(key, value)
  }
  for (const branch of (schema['anyOf'] ?? []) as Array<Record<string, unknown>>) for (const [key, value] of options(branch, path)) found.set(key, value)
  return found
}

t.test('the schema is one by the rules of JSON Schema, draft 7, and of a strict validator', async t => {
  t.equal(schema['$schema'], 'http://json-schema.org/draft-07/schema#')
  t.equal(ajv.validateSchema(schema), true)
  ajv.compile(schema)
})

t.test('the build writes what the code says, and the program prints it', async t => {
  const file = join(await directory(t), 'gateway.schema.json')
  const [script, from] = ['../../scripts/schema.mjs', '../../lib/gateway/'].map(path => fileURLToPath(new URL(path, import.meta.url)))
  await promisify(execFile)(process.execPath, ['--import', 'tsx', String(script), file, String(from), 'ts'])
  t.same(JSON.parse(await readFile(file, 'utf8')), schema)
  const { code, stdout } = await run(['schema'])
  t.equal(code, 0)
  t.same(JSON.parse(stdout), schema)
})

t.test('every option is described, and nothing else is', async t => {
  const known = options(schema)
  // Parts of targets say themselves what they are.
  for (const [path, option] of known) if (!path.startsWith('pools.*.targets.')) t.type(option['description'], 'string', path)
  for (const path of Object.keys(DESCRIPTIONS)) t.ok(known.has(path), `${path} is an option`)
})

t.test('editors take what the program takes, and underline what it does not', async t => {
  const validate = ajv.compile({ ...schema, $id: 'again' })
  t.equal(validate(parse(defaultsText(EXTENSIONS))), true, JSON.stringify(validate.errors))
  t.equal(validate(parse(await readFile(new URL('../../examples/gateway.yaml', import.meta.url), 'utf8'))), true, JSON.stringify(validate.errors))
  const minimal = { pools: { a: { targets: ['http://a.test'] } }, routes: [{ pool: 'a' }] }
  const accepts = (changes: object): boolean => validate({ ...minimal, ...changes })
  t.ok(accepts({}))
  // eslint-disable-next-line no-template-curly-in-string -- variables of a document
  t.ok(accepts({ listen: { port: '${PORT}', http2: '${HTTP2:-false}' } }))
  t.notOk(accepts({ listen: { port: '80' } }))
  t.notOk(accepts({ listen: { prot: 80 } }))
  const pool = (options: object): boolean => accepts({ pools: { a: { targets: ['http://a.test'], ...options } } })
  for (const options of [{ policy: 'p2c' }, { policy: { name: 'hash', key: { header: 'x' } } }, { policy: { name: 'hash', key: 'path' } }, { retries: 0 }, { retries: { max: 1 } },
    { breaker: false }, { breaker: { faults: ['500-599', 429] } }, { drainHeader: false }, { health: { path: '/', status: [200, '300-399'] } },
    { affinity: { cookie: 'a', secret: 'sixteen characters' } }, { tls: { caFile: ['a', 'b'] } }, { slowStart: 5 }, { limits: { adaptive: true } }]) {
    t.ok(pool(options), JSON.stringify(options))
  }
  for (const options of [{ policy: 'hash' }, { policy: { name: 'hash' } }, { retries: -1 }, { breaker: true }, { drainHeader: 'a b' }, { health: { status: 99 } }, { health: { path: 'x' } },
    { affinity: { cookie: 'a', secret: 'short' } }, { hedge: {} }, { limits: { adaptive: 1 } }, { targets: [] }, { targets: ['a.test'] }, { targets: [{ url: 'http://a.test', wieght: 1 }] }]) {
    t.notOk(pool(options), JSON.stringify(options))
  }
})
