import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { named } from '../kit/index.js'
import { directory, run, start } from './kit.js'

t.test('the example is one that check accepts, and serves', async t => {
  const file = fileURLToPath(new URL('../../examples/gateway.yaml', import.meta.url))
  t.match(await run(['check', file]), { code: 0, stdout: /OK, 4 routes to 3 pools/ })
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const targets = join(await directory(t), 'targets.yaml')
  await writeFile(targets, `- ${a.url}\n`)
  const gateway = await start(t, '', { file, args: ['--no-watch'], env: { PORT: '0', ADMIN_PORT: '0', SEARCH_TARGETS: targets, SEARCH_KEY: 'a key', USERS_A: a.url, USERS_B: b.url, ORDERS: c.url } })
  const { port } = new URL(gateway.address)
  t.equal((await fetch(`http://127.0.0.1:${port}/users/1`)).status, 200)
  t.match(await (await fetch(`http://127.0.0.1:${port}/orders/1`)).json(), { name: 'c', url: '/v2/orders/1' })
  t.equal((await fetch(`http://127.0.0.1:${port}/search`)).status, 401)
  const found = await fetch(`http://127.0.0.1:${port}/search`, { headers: { authorization: 'Bearer a key' } })
  t.match(await found.json(), { name: 'a' })
  t.equal(found.headers.get('x-ratelimit-limit'), '600')
  t.equal((await fetch(`${gateway.admin}/live`)).status, 200)
})
