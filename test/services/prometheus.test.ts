import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import balancer, { type Probe } from '../../lib/index.js'
import { prometheus } from '../../lib/prometheus/index.js'
import { answering, named, until, upstream } from '../kit/index.js'

const docs = (name: string): string => fileURLToPath(new URL(`../../docs/prometheus/${name}`, import.meta.url))

function promtool (args: readonly string[], input = ''): { status: number | null, output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error !== undefined) throw error
  return { status, output: stdout + stderr }
}

t.test('promtool finds nothing wrong with the rules, and they pass their tests', async t => {
  for (const args of [['check', 'rules', docs('alerts.yaml')], ['test', 'rules', docs('alerts.test.yaml')]]) {
    const { status, output } = promtool(args)
    t.equal(status, 0, output)
  }
})

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Alert { readonly state: string, readonly labels: Record<string, string> }

/** A Prometheus that scrapes `target` and evaluates the rules of the manual, whose durations alone are shorter. */
async function scraping (t: Test, target: string): Promise<{ api: <T>(path: string) => Promise<T>, firing: () => Promise<string[]> }> {
  const directory = t.testdir({})
  const rules = readFileSync(docs('alerts.yaml'), 'utf8').replace(/^( +for:) \d+[ms]$/gm, '$1 2s').replace(/\[\d+m\]/g, '[15s]')
  writeFileSync(join(directory, 'alerts.yaml'), rules)
  copyFileSync(docs('alerts.test.yaml'), join(directory, 'unused.yaml'))
  writeFileSync(join(directory, 'prometheus.yml'), [
    'global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }',
    'rule_files: [alerts.yaml]',
    `scrape_configs: [{ job_name: gateway, static_configs: [{ targets: ['${target}'] }] }]`
  ].join('\n'))
  const port = await freePort()
  const child = spawn('prometheus', [
    `--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'
  ], { stdio: 'ignore' })
  const failed = new Promise<never>((_resolve, reject) => { child.once('error', reject) })
  failed.catch(() => {})
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const api = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return (await answer.json() as { data: T }).data
  }
  let ready = false
  const ask = async (): Promise<void> => {
    while (!ready) {
      ready = await fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok, () => false)
      await new Promise(resolve => { setTimeout(resolve, 100) })
    }
  }
  await Promise.race([ask(), failed])
  const firing = async (): Promise<string[]> => {
    const { alerts } = await api<{ alerts: Alert[] }>('/api/v1/alerts')
    return [...new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => `${labels['alertname']} ${labels['pool']}`))].sort()
  }
  return { api, firing }
}

async function later (condition: () => Promise<boolean>, ms: number): Promise<void> {
  const end = performance.now() + ms
  while (!await condition() && performance.now() < end) await new Promise(resolve => { setTimeout(resolve, 200) })
}

t.test('a real Prometheus scrapes it and fires the right alert for each trouble, and no other', { timeout: 180_000 }, async t => {
  const sick = new Set<string>()
  const probe: Probe = async ({ url }) => { if (sick.has(url)) throw new Error('sick') }
  const good = async (count: number): Promise<string[]> => (await Promise.all(Array.from({ length: count }, async () => await named(t, 'good')))).map(({ url }) => url)
  let busy = false
  const flaky = await upstream(t, (_request, response) => { response.writeHead(busy ? 503 : 200).end() })
  const held: Array<() => void> = []
  const holding = await upstream(t, (_request, response) => {
    const end = (): void => { response.end() }
    if (busy) held.push(end)
    else end()
  })
  const resetting = await answering(t, '', 'reset')
  const health = { probe, interval: 100, rise: 1, fall: 1 }
  const [well, down, panic, all, others, leaving] = [await good(2), await good(3), await good(4), await good(2), await good(1), await good(1)] as const
  const app = Fastify({ logger: false, forceCloseConnections: true })
  const client = new Agent()
  t.teardown(async () => {
    for (const end of held) end()
    await client.destroy()
    await app.close()
  })
  await app.register(balancer, {
    pools: {
      well: { targets: well, health },
      down: { targets: down, health },
      panic: { targets: panic, health },
      all: { targets: all, health },
      budget: { targets: [flaky.url, `${flaky.url}/again`], breaker: false, retries: { budget: { share: 0, floor: 0 } } },
      queue: { targets: [holding.url], limits: { inFlight: 1, queue: 4, queueTimeout: 0 } },
      hidden: { targets: others, breaker: false },
      sole: { targets: [flaky.url] },
      drained: { targets: leaving }
    },
    routes: ['well', 'down', 'panic', 'all', 'budget', 'queue', 'hidden', 'sole', 'drained'].map(name => ({ prefix: `/${name}`, pool: name }))
  })
  await app.register(prometheus)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = async (pool: string): Promise<void> => { await client.request({ origin: url, path: `/${pool}`, method: 'GET' }).then(async ({ body }) => { await body.dump() }, () => {}) }
  const asking = { on: true }
  const traffic = async (): Promise<void> => {
    while (asking.on) {
      await Promise.all(['well', 'down', 'panic', 'all', 'budget', 'hidden', 'sole'].map(ask))
      await new Promise(resolve => { setTimeout(resolve, 200) })
    }
  }
  const going = traffic()

  for (const [accept, type] of [['*/*', 'text/plain'], ['application/openmetrics-text', 'application/openmetrics-text']] as const) {
    const { headers, body } = await client.request({ origin: url, path: '/metrics', method: 'GET', headers: { accept } })
    t.match(headers['content-type'], type)
    const text = await body.text()
    if (accept !== '*/*') t.match(text, /# EOF\n$/)
    else t.same(promtool(['check', 'metrics'], text), { status: 0, output: '' })
  }

  const { api, firing } = await scraping(t, new URL(url).host)
  const scraped = async (): Promise<boolean> => {
    const { activeTargets: [target] } = await api<{ activeTargets: Array<{ health: string, lastError: string }> }>('/api/v1/targets')
    return target?.health === 'up'
  }
  await later(scraped, 30_000)
  t.ok(await scraped(), 'Prometheus takes what it is given')
  await new Promise(resolve => { setTimeout(resolve, 6000) })
  t.same(await firing(), [], 'nothing fires while all is well')

  busy = true
  for (const target of [down[0], ...panic.slice(1), ...all]) sick.add(String(target))
  void app.upstreams['hidden']?.set([...others, resetting])
  app.upstreams['drained']?.drain(String(leaving[0]))
  const waiting = Array.from({ length: 4 }, async () => { await ask('queue') })
  await until(() => app.upstreams['queue']?.load.waiting === 3)
  const expected = ['BalancerAllTargetsDown all', 'BalancerAllTargetsDown drained', 'BalancerErrors budget', 'BalancerErrors sole', 'BalancerErrorsHiddenByRetries hidden', 'BalancerPanic panic', 'BalancerQueueFilling queue', 'BalancerRetryBudgetSpent budget', 'BalancerTargetDown down', 'BalancerTargetFailing sole']
  await later(async () => (await firing()).length >= expected.length, 60_000)
  t.same(await firing(), expected)

  busy = false
  sick.clear()
  void app.upstreams['hidden']?.set(others)
  app.upstreams['drained']?.drain(String(leaving[0]), false)
  for (const end of held.splice(0)) end()
  await Promise.all(waiting)
  await later(async () => (await firing()).length === 0, 60_000)
  t.same(await firing(), [], 'and nothing fires once it is over')
  asking.on = false
  await going
})
