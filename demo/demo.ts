/** `npm run demo`: puts the parts together, runs them until their time or the user's patience is over, and cleans up. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ending, readKeys } from './ending.js'
import { openGateway } from './gateway.js'
import { Journal } from './journal.js'
import { Load } from './load.js'
import { HELP, readOptions, UsageError, type DemoOptions } from './options.js'
import { haveOutages } from './outages.js'
import { json, lines, live, type Output } from './output.js'
import { UpstreamProcess } from './process.js'
import { SCENE } from './scene.js'
import { Reporter } from './status.js'
import { summarize } from './summary.js'

const { stdin, stdout, stderr } = process

async function main (): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    stdout.write(HELP)
    return
  }
  const stop = ending()
  await run(options, outputFor(options, stop), stop)
}

function outputFor (options: DemoOptions, stop: AbortController): Output {
  if (options.for !== undefined) return json(stdout, stderr)
  if (!stdout.isTTY || process.env['TERM'] === 'dumb') return lines(stdout)
  readKeys(stdin, stop)
  return live(stdout)
}

async function run (options: DemoOptions, output: Output, stop: AbortController): Promise<void> {
  const upstreams = SCENE.flatMap(pool => pool.upstreams.map(config => new UpstreamProcess(config)))
  stderr.write(`Starting ${upstreams.length} upstreams\n`)
  const stopped = once(stop.signal, 'abort')
  try {
    await Promise.race([stopped, Promise.all(upstreams.map(async upstream => { await upstream.start() }))])
    if (!stop.signal.aborted) await serve(options, output, upstreams, stop)
  } finally {
    stop.abort()
    await Promise.all(upstreams.map(async upstream => { await upstream.kill() }))
  }
}

async function serve (options: DemoOptions, output: Output, upstreams: readonly UpstreamProcess[], stop: AbortController): Promise<void> {
  const journal = new Journal(entry => { output.note(entry) })
  const nameOf = (url: string): string => upstreams.find(upstream => upstream.url === url)?.config.name ?? url
  const gateway = await openGateway(options.port, upstreams, {
    healthChanged ({ url, health }, was, reason) { journal.healthChanged(nameOf(url), was, health, reason) }
  })
  try {
    const load = new Load(gateway.url, reason => { journal.note(reason) })
    const reporter = new Reporter(gateway, load, journal)
    output.open(gateway.url)
    load.start()
    const shown = setInterval(() => { output.show(reporter.take()) }, output.interval)
    for (const upstream of upstreams.filter(({ config }) => config.mortal)) {
      void haveOutages(upstream, options.outageEvery, event => { journal.note(event) }, stop.signal)
    }
    await over(options.for, stop.signal)
    clearInterval(shown)
    await load.stop()
    output.close(reporter.take(), summarize(gateway, load, journal, upstreams))
    if (options.for !== undefined && load.failed > 0) process.exitCode = 1
  } finally {
    await gateway.close()
  }
}

/** Resolves after `ms` milliseconds, if any are given, or when `signal` is aborted. */
async function over (ms: number | undefined, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  if (ms === undefined) await once(signal, 'abort')
  else await sleep(ms, undefined, { signal }).catch(() => {})
}

main().catch((error: Error) => {
  stderr.write(`demo: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exitCode = error instanceof UsageError ? 2 : 1
})
