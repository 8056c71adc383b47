import Fastify from 'fastify'
import { chromium } from 'playwright-core'
import { setTimeout as sleep } from 'node:timers/promises'
import { status } from '../../lib/status/index.ts'
import { readFileSync } from 'node:fs'
const src = readFileSync('/work/wt/status/test/services/dashboard.test.ts', 'utf8')
const body = src.slice(src.indexOf('function crowd')).replace(/: \{ snapshot[^{]*\{/, ' {').replace('(size: number)', '(size)')
const { default: crowd } = { default: new Function(body.replace(/\(size\)[^{]*\{ snapshot.*?\} \{/s, '(size) {') + '; return crowd')() }
const app = Fastify({ forceCloseConnections: true })
await app.register(status, { prefix: '/s', upstreams: { many: crowd(1000) } as any, routes: () => [{ prefix: '/many', pool: 'many', requests: 0 }], closing: () => false })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
await page.goto(`${url}/s/`)
await page.getByText('Show 40 more').waitFor()
const cdp = await page.context().newCDPSession(page)
await cdp.send('Performance.enable')
const m = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]))
const b = await browser.newBrowserCDPSession()
const used = async () => (await b.send('SystemInfo.getProcessInfo')).processInfo.map(({ type, id, cpuTime }) => [type + id, cpuTime])
await sleep(4000)
const m0 = await m(), u0 = Object.fromEntries(await used()), t0 = performance.now()

const events = []
b.on('Tracing.dataCollected', ({ value }) => { events.push(...value) })
await b.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['devtools.timeline', 'toplevel', 'cc', 'blink', 'v8', 'viz'] } })
await sleep(6000)
const secs = (performance.now() - t0) / 1000
const m1 = await m(), u1 = Object.fromEntries(await used())
for (const k of ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration']) console.log(k, ((m1[k] - m0[k]) / secs * 100).toFixed(1) + ' %')
for (const k of Object.keys(u1)) console.log(k, ((u1[k] - (u0[k] ?? 0)) / secs * 100).toFixed(1) + ' %')
const done = new Promise(resolve => b.once('Tracing.tracingComplete', resolve))
await b.send('Tracing.end'); await done
const names = new Map(events.filter(e => e.name === 'thread_name').map(e => [e.pid + ' ' + e.tid, e.args.name]))
const sums = new Map()
for (const e of events) if (e.dur) { const k = (names.get(e.pid + ' ' + e.tid) ?? '?') + ' ' + e.pid + ' ' + e.name; const x = sums.get(k) ?? [0, 0, 0]; x[0] += e.dur; x[1]++; x[2] += e.tdur ?? 0; sums.set(k, x) }
console.log([...sums].sort((a, b) => b[1][2] - a[1][2]).slice(0, 40).map(([k, [d, n, c]]) => `${(c / 1000 / secs).toFixed(1)} cpu ms/s  ${(d / 1000 / secs).toFixed(1)} ms/s  n=${n} ${k}`).join('\n'))
await browser.close(); await app.close()
