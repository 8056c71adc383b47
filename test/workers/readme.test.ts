import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { request } from 'undici'
import { named } from '../kit/index.js'
import { freePort } from './free-port.js'
import { PATIENCE } from './kit.js'

t.test('the programs of the manual run', async t => {
  const { url, hits } = await named(t, 'a')
  const port = await freePort()
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const programs = [...readme.matchAll(/```ts\n\/\/ (worker|primary)\.ts\n(.+?)```/gs)]
  t.same(programs.map(([, name]) => name), ['worker', 'primary'])
  // Beside this file, so that imports resolve as they do here.
  const directory = await mkdtemp(fileURLToPath(new URL('readme-', import.meta.url)))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  for (const [, name = '', code = ''] of programs) {
    await writeFile(join(directory, `${name}.ts`), code
      .replaceAll(/'fastify-balancer(\/workers)?'/g, (_, part = '') => JSON.stringify(new URL(`../../lib${String(part)}/index.ts`, import.meta.url).href))
      .replace('8080', String(port)).replace('http://127.0.0.1:3001', url)
      .replace('logger: true', 'logger: false').replace('pino()', "pino({ level: 'silent' })")
      .concat(name === 'primary' ? "\nconsole.log('served by', workers.length, Object.keys(pools))\n" : ''))
  }
  const child = spawn(process.execPath, ['--import=tsx', join(directory, 'primary.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  t.teardown(() => { child.kill('SIGKILL') })
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(PATIENCE) }) as [string]
  t.equal(line, "served by 2 [ 'users' ]")
  const { statusCode, body } = await request(`http://127.0.0.1:${port}/users/42`)
  await body.dump()
  t.equal(statusCode, 200)
  t.ok(hits() > 0)
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
})
