import { readdirSync, readFileSync } from 'node:fs'
import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { named, until } from './kit/index.js'
import './kubernetes/older-node.js'
import { ApiServer, usersSlice } from './kubernetes/api-server.js'
import { identity, tlsUpstream } from './kit/tls/index.js'

const root = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')

const examples = ['README.md', 'docs/migrating-from-http-proxy.md'].flatMap(page => [
  ...readFileSync(new URL(page, root), 'utf8').matchAll(/(?:<!-- run: (.+?) -->\n)?```js\n(.+?)```/gs)
]).map(([, requests, code]) => ({ requests, code: code ?? '' }))

t.test('every JavaScript example in the README, and for those who move, runs and answers', async t => {
  t.ok(examples.length >= 8)
  // Beside this file, so that imports resolve as they do here.
  const directory = await mkdtemp(fileURLToPath(new URL('readme-', import.meta.url)))
  t.teardown(async () => { await rm(directory, { recursive: true }) })

  // For the one that asks Kubernetes. Its client is large: loaded with the first question, it would take up the time for the first list.
  await import('@kubernetes/client-node')
  const api = await ApiServer.start(t)
  const slice = usersSlice('users-a', ['127.0.0.1'], (await named(t, 'pod')).port)
  api.apply({ ...slice, metadata: { ...slice.metadata, namespace: 'shop' } })
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig')
  await writeFile(process.env['KUBECONFIG'], api.configFile())

  for (const [i, { requests, code }] of examples.entries()) {
    if (requests === undefined) {
      t.fail(`an example does not say what to ask it:\n${code}`)
      continue
    }
    let runnable = code
    for (const port of new Set(code.match(/127\.0\.0\.1:\d+/g))) {
      const { url } = code.includes(`https://${port}`) ? await tlsUpstream(t, identity('server')) : await named(t, port)
      runnable = runnable.replaceAll(port, new URL(url).host)
    }
    runnable = runnable
      .replace("'fastify-balancer/status'", JSON.stringify(new URL('lib/status/index.ts', root).href))
      .replace("'fastify-balancer'", JSON.stringify(new URL('lib/index.ts', root).href))
      .replace(/'fastify-balancer\/([\w-]+)'/g, (_, part: string) => JSON.stringify(new URL(`lib/${part}/index.ts`, root).href))
      .replaceAll('/etc/gateway/', fileURLToPath(new URL('kit/tls/', import.meta.url)))
      .replace('port: 8080', "port: 0, host: '127.0.0.1'")
      .replace('logger: true', 'logger: false')
      .replace('logger: {', "logger: { level: 'silent',")
    const file = join(directory, `example-${i}.mjs`)
    await writeFile(file, `${runnable}\nexport { app }\n`)
    const { app } = await import(pathToFileURL(file).href) as { app: FastifyInstance }
    for (const request of requests.split(', ')) {
      const [method, path, status = '200'] = request.split(' ')
      const { statusCode, body } = await app.inject({ method: method as 'GET', url: path ?? '' })
      t.equal(statusCode, Number(status), `${request}: ${body}`)
    }
    if (code.includes('kubernetes(')) await until(() => api.watchers === 1, 30_000)
    await app.close()
  }
  await until(() => api.connections === 0)
})

t.test('the README has a row for every option, and no row for one that does not exist', async t => {
  const { OPTION_NAMES } = await import('../lib/options.js')
  const options = readme.slice(readme.indexOf('## Options'), readme.indexOf('## What moves'))
  const rows = [...options.matchAll(/^\| (`[^|]+?) \|/gm)].flatMap(([, names]) => [...(names ?? '').matchAll(/`([\w.[\]]+)`/g)].map(([, name]) => name ?? ''))
  for (const name of OPTION_NAMES) t.ok(rows.includes(name), `${name} has a row`)
  for (const name of rows) t.ok(OPTION_NAMES.includes(name), `${name} is an option`)
})

t.test('the README has a row for every error code', async t => {
  const errors = await import('../lib/errors.js')
  const codes = Object.entries(errors).filter(([name]) => /^[A-Z]/.test(name)).map(([, make]) => (make as () => { code: string })().code)
  t.ok(codes.length >= 12)
  for (const code of codes) t.match(readme, `| \`${code}\` |`)
})

t.test('the picture names what is there', async t => {
  const picture = readFileSync(new URL('docs/how-it-works.svg', root), 'utf8')
  const files = new Set(readdirSync(new URL('lib', root), { recursive: true }).map(name => String(name).replace(/\.ts$/, '')))
  for (const [label, file] of Object.entries({
    route: 'route', forward: 'forward', Pool: 'pool', Exchange: 'exchange', policy: 'policy', Attempt: 'attempt', Outcome: 'outcome', retry: 'retry', observers: 'observer', breaker: 'health/passive', selection: 'selection'
  })) {
    t.match(picture, new RegExp(`>[^<]*\\b${label}\\b[^<]*<`))
    t.ok(files.has(file), `lib/${file}.ts`)
  }
})

t.test('links within the repository lead somewhere', async t => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/migrating-from-http-proxy.md', 'examples/README.md']
  for (const page of pages) {
    const text = readFileSync(new URL(page, root), 'utf8')
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      t.doesNotThrow(() => readFileSync(new URL(link ?? '', new URL(page, root))), `${page} → ${link}`)
    }
  }
})
