// Packs the package as it would be published, installs it elsewhere, and uses it from there: imported, required, typed.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { version, devDependencies, exports: subpaths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const directory = mkdtempSync(join(tmpdir(), 'fastify-balancer-'))

function run (command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Runs a script that has nothing to say: a warning fails it too. */
function runSilently (script) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: directory, encoding: 'utf8' })
  if (status !== 0 || stdout !== '' || stderr !== '') throw new Error(`${script} ended with ${status} and wrote:\n${stdout}${stderr}`)
}

let doing = 'npm pack'

async function step (what, check) {
  doing = what
  await check()
  console.log(`ok: ${what}`)
}

/** Ways to import each part of the package that is code, such as `fastify-balancer/gateway`. */
const parts = Object.keys(subpaths).filter(path => !path.endsWith('.json')).map(path => `fastify-balancer${path.slice(1)}`)

// Two upstreams, one of which refuses; a request must be answered by the other.
const USE = `
const upstream = Fastify().get('/*', async request => ({ url: request.url }))
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })
const app = Fastify()
await app.register(balancer, { prefix: '/api', targets: ['http://127.0.0.1:1', target] })
for (let i = 0; i < 2; i++) {
  const { statusCode, body } = await app.inject('/api/x')
  if (statusCode !== 200 || body !== '{"url":"/x"}') throw new Error(statusCode + ' ' + body)
}
if (app.upstreams.api.targets.length !== 2) throw new Error('no pool')
await app.close()
await upstream.close()
`

// Serves, and stops with a signal.
const DOCUMENT = target => `listen: { host: 127.0.0.1, port: 0 }
pools: { users: { targets: [${target}] } }
routes: [{ prefix: /users, pool: users }]
`

// An optional peer that is not there is missed only by who uses it, and by its name.
const LEAN = `
import Fastify from 'fastify'
import openTelemetry from 'fastify-balancer/opentelemetry'
const error = await Fastify().register(openTelemetry).then(() => undefined, error => error)
if (!/npm install @opentelemetry\\/api/.test(error?.message)) throw new Error('not refused: ' + error)
const { prometheus } = await import('fastify-balancer/prometheus')
const missing = await Fastify().register(prometheus).then(() => undefined, error => error)
if (!/npm install prom-client/.test(missing?.message)) throw new Error('not refused: ' + missing)
`

const TYPES = `
import Fastify, { type FastifyRequest } from 'fastify'
import openTelemetry, { type OpenTelemetryOptions } from 'fastify-balancer/opentelemetry'
import balancer, { isFault, type AttemptRecord, type BalancerOptions, type Observer, type Policy, type Pool, type Probe } from 'fastify-balancer'
import { DocumentError, gateway, type GatewayDocument, type RunningGateway } from 'fastify-balancer/gateway'
import prometheus, { type PrometheusOptions } from 'fastify-balancer/prometheus'
import { runPrimary, type WorkerProgram } from 'fastify-balancer/workers'
import { kubernetes, type KubernetesOptions } from 'fastify-balancer/kubernetes'
import { dns, type Discovery } from 'fastify-balancer/discovery'

declare module 'fastify-balancer' {
  interface Upstreams { users: Pool }
}

const pods: KubernetesOptions = { service: 'users', port: 'http' }
for await (const list of kubernetes(pods)(AbortSignal.abort())) console.log(list.length)
const policy: Policy = (targets, { key, attempt }) => targets.find(target => target.inFlight === attempt && key !== undefined) ?? targets[0]!
const probe: Probe = async (target, dispatcher, signal) => { await dispatcher.request({ origin: target.origin, path: '/', method: 'GET', signal }) }
const observer: Observer = { settled: (target, outcome) => { if (isFault(outcome)) console.log(target.url) } }
const discovery: Discovery = dns({ name: 'a.test' })
const document: GatewayDocument = { listen: { port: 0 }, pools: { users: { targets: ['http://127.0.0.1:3001'] } }, routes: [{ pool: 'users' }] }
const running: RunningGateway | undefined = await gateway(document).catch((error: unknown) => { if (!(error instanceof DocumentError)) throw error; return undefined })
await running?.stop()
// @ts-expect-error what has to be there
await gateway({ pools: {} })
const measured: PrometheusOptions = {}
const program: WorkerProgram<unknown> | undefined = undefined
console.log(runPrimary.name, program)
const options: BalancerOptions = {
  pools: {
    users: { targets: ['http://127.0.0.1:3001', { url: 'http://127.0.0.1:3002', weight: 2 }], policy, health: { probe }, observers: [observer] },
    found: { discovery },
    orders: { targets: ['http://127.0.0.1:3003'], policy: { name: 'hash', key: (request: FastifyRequest) => request.ip } }
  },
  routes: [{ prefix: '/users', pool: 'users', preHandler: async request => { request.log.info('x') } }]
}

const app = Fastify()
const spans: OpenTelemetryOptions = { meter: false }
await app.register(openTelemetry, spans)
await app.register(prometheus, measured)
await app.register(balancer, options)
await app.register(balancer, { prefix: '/api', targets: ['http://127.0.0.1:3004'] })
const pool: Pool | undefined = app.upstreams['orders']
await pool?.set(['http://127.0.0.1:3005'])
const { statusCode }: { statusCode: number } = await app.upstreams.users.request({ method: 'GET', path: '/' })
// @ts-expect-error there may be no such pool
app.upstreams['orders'].targets
// @ts-expect-error an unknown option
app.register(balancer, { targets: ['http://127.0.0.1:3004'], wieght: 1 })
// @ts-expect-error the reply.from of the plugin is its own
app.get('/from', (_request, reply) => reply.from('/'))
app.get('/', async (request): Promise<readonly AttemptRecord[]> => statusCode === 200 ? request.attempts : [])
`

try {
  const [{ filename, files }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', directory], root).replace(/^[^[]*/, ''))
  await step('the tarball holds what is meant to be published and nothing else', () => {
    const strangers = files.map(({ path }) => path).filter(path => !/^(deploy\/.+|dist\/.+\.(js|d\.ts)|dist\/gateway\.schema\.json|dist\/status\/page\/(manifest\.json|(index\.html|app\.\w+\.js|style\.\w+\.css)(\.gz|\.br)?)|docs\/.+|examples\/.+|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path))
    if (strangers.length > 0) throw new Error(`not meant to be published: ${strangers.join(', ')}`)
    const sources = readdirSync(join(root, 'lib'), { recursive: true }).map(String).filter(name => name.endsWith('.ts'))
    const built = sources.map(name => `dist/${name.replaceAll('\\', '/').slice(0, -'.ts'.length)}`)
    for (const path of [...built.flatMap(name => [`${name}.js`, `${name}.d.ts`]), 'dist/gateway.schema.json', 'deploy/Dockerfile', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
      if (!files.some(file => file.path === path)) throw new Error(`missing: ${path}`)
    }
  })

  await step(`fastify-balancer ${version} installs, and there is one undici for it and reply-from`, () => {
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
    run('npm', ['install', '--no-audit', '--no-fund', join(directory, filename), `fastify@${devDependencies.fastify}`,
      `@types/node@${devDependencies['@types/node']}`], directory)
    writeFileSync(join(directory, 'lean.mjs'), LEAN)
    runSilently('lean.mjs')
    run('npm', ['install', '--no-audit', '--no-fund', `@opentelemetry/api@${devDependencies['@opentelemetry/api']}`, `prom-client@${devDependencies['prom-client']}`], directory)
    const copies = readdirSync(join(directory, 'node_modules'), { recursive: true }).map(String).filter(name => /(^|[\\/])undici[\\/]package\.json$/.test(name))
    if (copies.length !== 1) throw new Error(`copies of undici: ${copies.join(', ')}`)
  })

  await step(`import, on Node ${process.version}`, () => {
    writeFileSync(join(directory, 'import.mjs'), `import Fastify from 'fastify'\nimport balancer, { Pool } from 'fastify-balancer'\nimport { dns, file } from 'fastify-balancer/discovery'\nimport openTelemetry from 'fastify-balancer/opentelemetry'\nimport { prometheus } from 'fastify-balancer/prometheus'\n${USE}\nawait Fastify().register(openTelemetry).register(prometheus).ready()\nif (typeof Pool !== 'function') throw new Error('no Pool')\nfor (const source of [dns({ name: 'a.test' }), file({ path: 'a.yaml' })]) if (typeof source !== 'function') throw new Error('no source')`)
    runSilently('import.mjs')
  })
  await step('the page of the status plugin is there', () => {
    writeFileSync(join(directory, 'status.mjs'), [
      "import Fastify from 'fastify'",
      "import balancer from 'fastify-balancer'",
      "import { status } from 'fastify-balancer/status'",
      'const app = Fastify()',
      "await app.register(balancer, { prefix: '/api', targets: ['http://127.0.0.1:1'] })",
      "await app.register(status, { prefix: '/_balancer' })",
      "const { statusCode, body } = await app.inject('/_balancer/')",
      "if (statusCode !== 200 || !body.includes('app.')) throw new Error(statusCode + ' ' + body)",
      'await app.close()'
    ].join('\n'))
    runSilently('status.mjs')
  })
  await step(`require, on Node ${process.version}`, () => {
    writeFileSync(join(directory, 'require.cjs'), `const Fastify = require('fastify')\nconst balancer = require('fastify-balancer')\nvoid (async () => {${USE}})()`)
    runSilently('require.cjs')
  })
  await step('every part can be imported and required', () => {
    run('npm', ['install', '--no-audit', '--no-fund', `prom-client@${devDependencies['prom-client']}`], directory)
    writeFileSync(join(directory, 'parts.mjs'), `${parts.map((part, i) => `import * as part${i} from '${part}'`).join('\n')}
import schema from 'fastify-balancer/gateway.schema.json' with { type: 'json' }
const parts = [${parts.map((_, i) => `part${i}`).join()}]
if (parts.some(part => Object.keys(part).length === 0) || schema.properties.listen === undefined) throw new Error('something is empty')`)
    writeFileSync(join(directory, 'parts.cjs'), `for (const part of ${JSON.stringify(parts)}) if (Object.keys(require(part)).length === 0) throw new Error(part)
if (require('fastify-balancer/gateway.schema.json').properties.listen === undefined) throw new Error('no schema')`)
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'parts.mjs'], { cwd: directory, encoding: 'utf8' })
    if (status !== 0 || stdout !== '' || stderr !== '') throw new Error(`parts.mjs ended with ${status} and wrote:\n${stdout}${stderr}`)
    runSilently('parts.cjs')
  })
  await step('the program helps, checks, prints and serves', async () => {
    const program = join(directory, 'node_modules', '.bin', 'fastify-balancer')
    const upstream = createServer((request, response) => { response.end(request.url) }).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    writeFileSync(join(directory, 'gateway.yaml'), DOCUMENT(`http://127.0.0.1:${upstream.address().port}`))
    for (const [args, expected] of [[['--help'], /Usage:/], [['--version'], new RegExp(`^${version.replaceAll('.', '\\.')}`)], [['schema'], /"\$schema"/], [['check', 'gateway.yaml'], /OK, 1 route to 1 pool/], [['print-defaults'], /port: 8080/]]) {
      const said = run(program, args, directory)
      if (!expected.test(said)) throw new Error(`${args.join(' ')} says ${said}`)
      if (args[0] === 'print-defaults') writeFileSync(join(directory, 'defaults.yaml'), said)
    }
    run(program, ['check', 'defaults.yaml'], directory)
    const child = spawn(program, ['start', 'gateway.yaml'], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const ended = once(child, 'close')
      let said = ''
      for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) if ((said += text).includes('"gateway started"')) break
      child.stdout.resume()
      const [, address] = /"address":"(.*?)"/.exec(said) ?? []
      const answer = await (await fetch(`${address}/users/1`)).text()
      if (answer !== '/1') throw new Error(`the gateway answers ${answer}`)
      child.kill('SIGTERM')
      const [code] = await ended
      if (code !== 0) throw new Error(`it ended with ${code}`)
    } finally {
      child.kill('SIGKILL')
      upstream.close()
      upstream.closeAllConnections()
    }
  })
  await step('without the optional peers, what needs one says what to install', () => {
    writeFileSync(join(directory, 'peers.mjs'), `import { kubernetes } from 'fastify-balancer/kubernetes'
const said = await kubernetes({ service: 'users' })(new AbortController().signal).next().catch(error => error.message)
if (!/npm install '@kubernetes\\/client-node@2'|needs Node 22\\.19/.test(said)) throw new Error(said)`)
    runSilently('peers.mjs')
  })
  for (const [name, options] of Object.entries({
    nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
    bundler: { module: 'esnext', moduleResolution: 'bundler' }
  })) {
    await step(`types, ${name}, with the declarations of everything it depends on`, () => {
      const project = join(directory, name)
      mkdirSync(project)
      writeFileSync(join(project, 'use.mts'), TYPES)
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({
        compilerOptions: { ...options, target: 'es2022', strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, types: ['node'] },
        files: ['use.mts']
      }))
      run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project], directory)
    })
  }
} catch (error) {
  console.error(`FAILED: ${doing}\n${error.stdout || error.message}`)
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
