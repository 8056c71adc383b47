import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { EXTENSIONS } from '../../lib/gateway/extensions.js'
import { loadText, type Loaded } from '../../lib/gateway/load.js'
import { problemText } from '../../lib/gateway/problems.js'
import { directory, run } from './kit.js'

const BROKEN = new URL('broken/', import.meta.url)
const SECRETS = { BAD_PORT: 'a-secret-port', BAD_URL: 'a-secret-url' }

async function loaded (text: string, env: Record<string, string> = {}, extensions = EXTENSIONS): Promise<Loaded> {
  return await loadText(text, { env, extensions })
}

async function messages (text: string, env: Record<string, string> = {}): Promise<string[]> {
  return ((await loaded(text, env)).checked.problems ?? []).map(problem => problemText(problem))
}

// What is to be said of each stands at its end, in lines that begin with `#> `; the rest of one that ends with an ellipsis is a long list.
t.test('everything that is wrong with a document is said, with line, path and what is allowed', async t => {
  const files = readdirSync(BROKEN)
  t.ok(files.length >= 30)
  for (const file of files) {
    const whole = readFileSync(new URL(file, BROKEN), 'utf8')
    const text = whole.replace(/^#> .*\n/gm, '')
    const expected = [...whole.matchAll(/^#> (.*)$/gm)].map(([, message]) => message)
    t.ok(expected.length > 0, file)
    const found = await messages(text, SECRETS)
    t.same(found.map((message, i) => expected[i]?.endsWith('…') === true && message.startsWith(expected[i].slice(0, -1)) ? expected[i] : message), expected, file)
    for (const message of found) t.notMatch(message, /hunter2|a-secret/)
  }
})

t.test('check says so for the program, with exit code 1, and OK with 0', async t => {
  const file = fileURLToPath(new URL('unknown-pool.yaml', BROKEN))
  t.same(await run(['check', file]), { code: 1, stdout: '', stderr: `${file}:5:29: routes[0].pool: 'user' is not a pool, must be one of users\n` })
  const good = join(await directory(t), 'good.json')
  await writeFile(good, '{ "pools": { "a": { "targets": ["http://127.0.0.1:1"] } }, "routes": [{ "pool": "a" }] }')
  t.same(await run(['check', good]), { code: 0, stdout: `${good}: OK, 1 route to 1 pool\n`, stderr: '' })
})

t.test('print-defaults prints a document that check accepts, with all defaults', async t => {
  const { code, stdout } = await run(['print-defaults'])
  t.equal(code, 0)
  const { checked } = await loaded(stdout)
  t.same(checked.problems, undefined)
  for (const line of ['  port: 8080', '      connect: 2000', '      inFlight: 1024', '    policy: round-robin', '      consecutive: 5', '    # health:', '    #   # interval: 5000', '    underscores: forward']) {
    t.ok(stdout.split('\n').includes(line), line)
  }
})

t.test('variables take the type that is asked for, where they stand alone', async t => {
  const text = `
    listen: { port: "\${PORT}", trustProxy: "\${TRUST}", host: "\${HOST:-127.0.0.1}" }
    pools: { a: { targets: [{ url: "http://\${NAME}:\${PORT}", weight: "\${WEIGHT}" }], zone: "\${ZONE}", breaker: "\${BREAKER:-false}", retries: "\${RETRIES:-1}" } }
    routes: [{ pool: a, prefix: "/$\${x}" }]
  `
  const { checked } = await loaded(text, { PORT: '80', TRUST: 'true', NAME: 'a.test', WEIGHT: '2.5', ZONE: '1' })
  t.same(checked.problems, undefined)
  t.same('value' in checked && checked.value, {
    listen: { port: 80, trustProxy: true, host: '127.0.0.1' },
    // A zone is a text, and stays one.
    pools: { a: { targets: [{ url: 'http://a.test:80', weight: 2.5 }], zone: '1', breaker: false, retries: 1 } },
    // eslint-disable-next-line no-template-curly-in-string -- variables of a document
    routes: [{ pool: 'a', prefix: '/${x}' }]
  })
  t.same(await messages(text, { PORT: '80', TRUST: 'maybe', NAME: 'a.test', WEIGHT: 'much', ZONE: '1' }), [
    // eslint-disable-next-line no-template-curly-in-string -- variables of a document
    '2:44: listen.trustProxy: ${TRUST}, must be true, false, an address, a range such as 10.0.0.0/8, a list of them, or how many proxies are trusted',
    // eslint-disable-next-line no-template-curly-in-string -- variables of a document
    '3:70: pools.a.targets[0].weight: ${WEIGHT}, must be a number'
  ])
})

t.test('anchors and merges are followed to where a mistake stands', async t => {
  const text = [
    'pools:',
    '  a: &standard',
    '    targets: [http://127.0.0.1:1]',
    '    timeouts: { connect: fast }',
    '  b:',
    '    <<: *standard',
    '    targets: [http://127.0.0.1:2]',
    'routes: [{ pool: a }]'
  ].join('\n')
  t.same(await messages(text), [
    "4:26: pools.a.timeouts.connect: 'fast', must be a finite number",
    "4:26: pools.b.timeouts.connect: 'fast', must be a finite number"
  ])
  t.same(await messages(text.replace('fast', '10')), [])
})

t.test('guards and sources of discovery are checked by their own schemas, and what guards are given is not quoted', async t => {
  const extensions = {
    sources: { file: { schema: { properties: { path: { type: 'string' } }, required: ['path'] }, make: async () => async function * () {} } },
    guards: { basicAuth: { schema: { type: 'object', properties: { users: { type: 'object', additionalProperties: { type: 'string', minLength: 100 } } }, additionalProperties: false }, apply: async () => {} } }
  }
  const { checked: { problems = [] } } = await loaded([
    'pools:',
    '  a: { discovery: { type: file, pth: x } }',
    '  b: { discovery: { type: consul } }',
    'guards: { basicAuth: { users: { me: hunter2 } } }',
    'routes: [{ pool: a, guards: { jwt: {} } }]'
  ].join('\n'), {}, extensions)
  t.same(problems.map(problem => problemText(problem)), [
    '2:8: pools.a.discovery.path: missing, must be given',
    '2:33: pools.a.discovery.pth: unknown option, allowed are type, path',
    "3:27: pools.b.discovery.type: 'consul', must be one of 'file'",
    '4:37: guards.basicAuth.users.me: ***, must have at least 100 characters',
    '5:31: routes[0].guards.jwt: unknown option, allowed are basicAuth'
  ])
})
