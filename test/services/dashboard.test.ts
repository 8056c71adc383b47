/**
 * The page of the status plugin in a real browser: Debian's Chromium, without a window. With DASHBOARD_SCREENSHOTS=1 it also makes the
 * pictures in docs/.
 */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { chromium, type Browser, type BrowserContextOptions, type CDPSession, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import balancer from '../../lib/index.js'
import { status, type Pools } from '../../lib/status/index.js'
import { named, until, upstream, type Upstream } from '../kit/index.js'

t.setTimeout(600_000)
// They share a browser, and a processor.
t.jobs = 1

const PROGRAM = '/usr/bin/chromium'
const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const PICTURES = process.env['DASHBOARD_SCREENSHOTS'] === '1'
/** Milliseconds that a browser on a busy machine may take. */
const PATIENCE = 60_000

let browser: Browser
t.before(async () => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: apt-get install chromium`)
  browser = await chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
})
t.teardown(async () => { await browser?.close() })

interface Opened { readonly page: Page, readonly cdp: CDPSession, readonly complaints: string[], readonly bytes: () => number }

async function open (t: Test, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  t.teardown(async () => { await context.close() })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
  page.on('pageerror', error => { complaints.push(error.message) })
  await page.addInitScript("document.addEventListener('securitypolicyviolation', event => { console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI) })")
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  let bytes = 0
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength })
  await page.goto(url)
  await page.getByText('Live', { exact: true }).waitFor()
  return { page, cdp, complaints, bytes: () => bytes }
}

/** What axe-core finds that is serious or critical. The page's own policy forbids it to be injected as a script. */
async function axe (page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate('axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })') as {
    violations: Array<{ id: string, impact: string, nodes: Array<{ html: string, failureSummary: string }> }>
  }
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
}

interface Scene {
  readonly url: string
  readonly app: () => FastifyInstance
  readonly users: readonly Upstream[]
  readonly restart: () => Promise<void>
}

/** Two pools with traffic, and the page behind a prefix. */
async function scene (t: Test): Promise<Scene> {
  const users = await Promise.all(['a', 'b', 'c'].map(async name => await named(t, name)))
  const orders = await Promise.all([4, 25].map(async ms => await upstream(t, (_request, response) => { setTimeout(() => { response.end('ok') }, ms) })))
  const over = new AbortController()
  let app = await start(0)
  const { port } = new URL(app.listeningOrigin)
  const ask = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await Promise.all(['/users/1', '/users/2', '/orders/1'].map(async path => {
        await fetch(`http://127.0.0.1:${port}${path}`).then(async answer => { await answer.arrayBuffer() }, () => {})
      }))
      await sleep(40)
    }
  }
  const asking = ask()
  t.teardown(async () => {
    over.abort()
    await asking
    await app.close()
  })
  async function start (port: number): Promise<FastifyInstance> {
    const app = Fastify({ forceCloseConnections: true }) as unknown as FastifyInstance
    const health = { path: '/healthz', interval: 250, timeout: 2000, rise: 1, fall: 1 }
    await app.register(balancer, {
      pools: {
        users: { targets: users.map(({ url }) => url), health, policy: 'least-requests' },
        orders: { targets: orders.map(({ url }, i) => ({ url, weight: i === 0 ? 3 : 1 })) }
      },
      routes: [{ prefix: '/users', pool: 'users' }, { prefix: '/orders', pool: 'orders' }, { prefix: '/baskets', pool: 'orders' }]
    })
    await app.register(status, { prefix: '/ops/balancer', actions: true, who: () => 'ada' })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }
  return {
    url: `http://127.0.0.1:${port}/ops/balancer`,
    app: () => app,
    users,
    restart: async () => {
      await app.close()
      await sleep(1500)
      app = await start(Number(port))
    }
  }
}

t.test('it shows what goes wrong, acts, and survives a restart of the gateway', async t => {
  const { url, app, users, restart } = await scene(t)
  const { page, complaints, bytes } = await open(t, url)
  t.equal(page.url(), `${url}/`, 'paths in it are relative')
  await page.getByRole('heading', { name: 'All is well' }).waitFor()
  t.ok(bytes() < 150_000, `loads ${(bytes() / 1000).toFixed(1)} KB`)
  t.comment(`the page loads ${(bytes() / 1000).toFixed(1)} KB`)

  const [a, b, c] = users
  const row = (upstream: Upstream | undefined) => page.getByRole('row').filter({ hasText: upstream?.url.replace('http://', '') ?? '' })
  await row(a).getByRole('button', { name: /^Drain/ }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('heading', { name: /^Drain 127\.0\.0\.1/ }).waitFor()
  t.equal(app().upstreams['users']?.targets[0]?.health, 'up', 'not before it is confirmed')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  t.equal(app().upstreams['users']?.targets[0]?.health, 'up')
  await row(a).getByRole('button', { name: /^Drain/ }).click()
  await dialog.getByRole('button', { name: 'Drain' }).click()
  await row(a).getByText(/draining for .*: drained by an operator/).waitFor()
  t.equal(app().upstreams['users']?.targets[0]?.health, 'draining')
  await page.getByText('ada has drained').waitFor()

  // With the keyboard alone: Tab to the button, Enter, Tab to the confirmation, Enter.
  await page.getByRole('searchbox').focus()
  let reached = ''
  for (let i = 0; i < 60 && !reached.startsWith('Undrain'); i++) {
    await page.keyboard.press('Tab')
    reached = String(await page.evaluate("document.activeElement?.getAttribute('aria-label') ?? ''"))
  }
  t.match(reached, /^Undrain 127/)
  await page.keyboard.press('Enter')
  await dialog.waitFor()
  let text = ''
  for (let i = 0; i < 5 && text !== 'Undrain'; i++) {
    text = String(await page.evaluate("document.activeElement?.textContent ?? ''"))
    if (text !== 'Undrain') await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await until(() => app().upstreams['users']?.targets[0]?.health === 'up', PATIENCE)

  await page.getByRole('button', { name: `Weight ${b?.url.replace('http://', '')}` }).click()
  // Slowly, while the news of each second comes in.
  await dialog.getByLabel('Weight').press('ControlOrMeta+a')
  await dialog.getByLabel('Weight').pressSequentially('2.75', { delay: 700 })
  await dialog.getByRole('button', { name: 'Change' }).click()
  await until(() => app().upstreams['users']?.targets[1]?.weight === 2.75, PATIENCE)
  await dialog.waitFor({ state: 'hidden' })

  // On a machine that is busy with something else the browser may be late: the best of three counts.
  let took = Infinity
  let victim = c
  for (let i = 0; i < 3 && took >= 2000; i++) {
    if (i > 0) {
      victim = await named(t, 'c', c?.port)
      await row(c).getByText(/^up$/).waitFor()
    }
    const killed = performance.now()
    await victim?.kill()
    await row(c).getByText(/^down for .*(ECONNREFUSED|ECONNRESET|other side closed|ejected)/).waitFor()
    took = performance.now() - killed
    t.comment(`a killed target is shown as down after ${Math.round(took)} ms`)
  }
  t.ok(took < 2000, `shown after ${Math.round(took)} ms`)
  await page.getByText(/127\.0\.0\.1:\d+ of users is down for/).first().waitFor()

  for (const [name, media, viewport] of [['light', 'light', undefined], ['dark', 'dark', undefined], ['phone', 'light', { width: 390, height: 844 }]] as const) {
    await page.emulateMedia({ colorScheme: media, reducedMotion: 'reduce' })
    await page.setViewportSize(viewport ?? { width: 1280, height: 900 })
    t.same(await axe(page), [], `axe has nothing serious to say, ${name}`)
    const wide = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    t.equal(wide, 0, `nothing sticks out, ${name}`)
    if (PICTURES && name !== 'phone') {
      await sleep(20_000)
      await page.setViewportSize({ width: 1180, height: 1060 })
      await page.screenshot({ path: fileURLToPath(new URL(`../../docs/dashboard${name === 'dark' ? '-dark' : ''}.png`, import.meta.url)) })
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 })

  t.same(complaints, [], 'nothing in the console')
  await Promise.all([page.getByText('No connection, trying again').waitFor(), restart()])
  await page.getByText('Live', { exact: true }).waitFor()
  await row(b).getByText('up').first().waitFor()
  t.same(complaints.filter(text => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|Failed to load resource/.test(text)), [])
})

t.test('a thousand targets that all change every second take less than a fifth of a core', async t => {
  const pools = { many: crowd(1000) } as unknown as Pools
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(async () => { await app.close() })
  await app.register(status, { prefix: '/s', upstreams: pools, routes: () => [{ prefix: '/many', pool: 'many', requests: 0 }], closing: () => false })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { page, complaints } = await open(t, `${url}/s/`)
  await page.getByText('Show 40 more').waitFor()
  const session = await browser.newBrowserCDPSession()
  const used = async (): Promise<number> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0)
  }
  await sleep(5000)
  const [before, began] = [await used(), performance.now()]
  await sleep(10_000)
  const share = (await used() - before) / ((performance.now() - began) / 1000)
  t.comment(`1,000 targets at 60 updates a minute take ${(share * 100).toFixed(1)} % of a core`)
  t.ok(share < 0.2, `${(share * 100).toFixed(1)} % of a core`)
  await page.getByRole('searchbox').fill('t999')
  await page.getByText('1 of 1,000 targets').waitFor()
  t.same(await axe(page), [])
  t.same(complaints, [])
})

/** A pool of so many targets, all of them busy and some of them sick. */
function crowd (size: number): { snapshot (): object, readonly transitions: readonly [] } {
  const since = Date.now() - 120_000
  let asked = 0
  return {
    transitions: [],
    snapshot () {
      asked++
      return {
        name: 'many',
        policy: 'p2c',
        panicking: false,
        load: { inFlight: size, streams: 0, waiting: 0 },
        limits: { inFlight: 0, queue: 256, streams: 0 },
        budgetLeft: 50,
        counters: { requests: asked * size * 10, answeredElsewhere: asked, retries: asked, hedges: 0, hedgesWon: 0 },
        targets: Array.from({ length: size }, (_, i) => ({
          url: `http://10.0.${i >> 8}.${i & 255}:8080/t${i}`,
          weight: 1,
          priority: 0,
          health: i % 100 === 7 ? 'down' : 'up',
          reason: i % 100 === 7 ? 'ejected: connect ECONNREFUSED' : undefined,
          since,
          ejections: 0,
          connections: { open: 2, busy: 1 },
          inFlight: asked % 3,
          streams: 0,
          limit: Infinity,
          share: 1,
          latency: 5 + (i * asked) % 11,
          counters: { attempts: asked * 10 + (i * asked) % 7, answered: asked * 10, faults: i % 100 === 7 ? asked : 0 }
        }))
      }
    }
  }
}
