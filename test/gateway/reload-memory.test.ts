import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

interface Left { readonly heap: number, readonly resources: Readonly<Record<string, number>> }

t.test('fifty reloads leave nothing behind: no generation, pool, settings, timer or handle', async t => {
  const child = fileURLToPath(new URL('reload-memory-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', child], { timeout: 240_000 })
  const { before, after, generations, alive } = JSON.parse(stdout) as {
    before: Left, after: Left, generations: number, alive: { pools: number, settings: number, tls: number }
  }
  t.equal(generations, 1)
  // What is used now, and what the connection of the last request may still hold on to.
  for (const [what, count] of Object.entries(alive)) t.ok(count <= 3, `${count} ${what} are alive`)
  for (const kind of ['Timeout', 'TCPSocketWrap', 'TCPServerWrap', 'TCPConnectWrap', 'FSReqPromise']) {
    t.ok((after.resources[kind] ?? 0) <= (before.resources[kind] ?? 0) + 3, `${kind}: ${JSON.stringify([before.resources, after.resources])}`)
  }
  t.ok(after.heap < before.heap + 6_000_000, `${before.heap} bytes became ${after.heap}`)
})
