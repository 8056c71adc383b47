import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DCLinter } from 'dclint'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { compose, DOCUMENT, exitOf, GRACE, pathOf, text } from './kit.js'

const SERVICES = ['catalog', 'orders', 'users']

/** The order of keys is left to the reader: what a service is for comes before what it may not do, and an anchor before its use. */
const RULES = { 'service-keys-order': 0, 'top-level-properties-order': 0 } as const

interface Problem {
  readonly rule: string
  readonly message: string
  readonly line: number
}

/** What dclint, which checks against the schema of the Compose Specification first, says of a file. */
function problemsOf (path: string): Problem[] {
  const linter = new DCLinter({ rules: RULES, quiet: true, debug: false, exclude: [] })
  const results: ReadonlyArray<{ readonly messages: readonly Problem[] }> = linter.lintFiles([path], false)
  return results.flatMap(({ messages }) => messages.map(({ rule, message, line }) => ({ rule, message, line })))
}

async function problemsOfText (t: Test, source: string): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'compose-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  const path = join(directory, 'compose.yaml')
  await writeFile(path, source)
  return problemsOf(path).map(({ message }) => message)
}

t.test('compose.yaml is as the published schema wants it, and its linter has nothing to add', async t => {
  t.same(problemsOf(pathOf('compose.yaml')), [])
})

t.test('the schema and the linter see what is wrong', async t => {
  t.match(await problemsOfText(t, text('compose.yaml').replace('stop_grace_period: 15s', 'stop_grace: 15s')), [/services\/gateway.+additional/s])
  t.match(await problemsOfText(t, text('compose.yaml').replace("'127.0.0.1:8080:8080'", "'8080:8080'")), [/8080/])
})

t.test('three services are behind the gateway, and reached through it only', async t => {
  const { gateway, ...services } = compose.services
  t.same(Object.keys(services).sort(), SERVICES)
  const { pools } = parse(text('compose/gateway.yaml')) as { pools: Record<string, { targets: string[] }> }
  t.same(Object.values(pools).flatMap(({ targets }) => targets).map(target => new URL(target).hostname).sort(), SERVICES)
  t.same(gateway?.depends_on, Object.fromEntries(SERVICES.map(name => [name, { condition: 'service_healthy' }])))
  t.ok(compose.networks.back?.internal)
  for (const [name, service] of Object.entries(services)) {
    t.same(service.networks, ['back'], name)
    t.equal(service.ports, undefined, name)
  }
})

t.test('every service may do no more than it must', async t => {
  for (const [name, service] of Object.entries(compose.services)) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }, name)
    t.equal(service.privileged, undefined, name)
  }
})

t.test('the gateway finds its document, and has the time to stop', async t => {
  t.match(compose.services.gateway, { volumes: [`./compose:${DOCUMENT.slice(0, DOCUMENT.lastIndexOf('/'))}:ro`] })
  t.ok(Number.parseInt(String(compose.services.gateway?.stop_grace_period)) > GRACE)
})

t.test('a service answers, is found to be well, and ends on SIGTERM', async t => {
  const { command: [program, ...args], healthcheck } = compose.services.users ?? t.fail('no users') as never
  t.equal(program, 'node')
  const child = spawn(process.execPath, args, { env: { ...process.env, NAME: 'users', PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface(child.stdout), 'line') as [string]
  const port = line.replace('listening on ', '')
  const answer = await fetch(`http://127.0.0.1:${port}/42`, { headers: { connection: 'close' } })
  t.same(await answer.json(), { service: 'users', url: '/42' })

  const check = healthcheck.test.slice(2)
  t.equal(await exitOf(check, { PORT: port }), 0)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  t.same(await exited, [0, null])
  t.equal(await exitOf(check, { PORT: port }), 1)
})
