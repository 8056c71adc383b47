import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { text } from '../deploy/kit.js'
import { UNIT } from '../deploy/unit.js'

/** What `systemd-analyze security` may call the exposure of the unit at most, in tenths; a unit without hardening has 96. */
const EXPOSURE = 20

/** The end of `systemd-analyze` with a unit, which says node where this machine has it. */
async function analyze (t: Test, args: readonly string[], unit: string): Promise<{ status: number | null, output: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'systemd-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  const path = join(directory, 'fastify-balancer.service')
  await writeFile(path, unit.replaceAll('/usr/bin/node', process.execPath))
  const { error, status, stdout, stderr } = spawnSync('systemd-analyze', [...args, path], { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`systemd-analyze, of the Debian package systemd, can not be run: ${error.message}`)
  return { status, output: stdout + stderr }
}

t.test('systemd has nothing against the unit', async t => {
  t.same(await analyze(t, ['verify', '--man=no'], text(UNIT)), { status: 0, output: '' })
})

t.test('systemd sees what is wrong', async t => {
  const { output } = await analyze(t, ['verify', '--man=no'], text(UNIT).replace('KillMode=mixed', 'KillMode=most\nStopMode=mixed'))
  t.match(output, /KillMode|kill mode/i)
  t.match(output, /StopMode/)
})

t.test('systemd finds it well protected', async t => {
  const { status, output } = await analyze(t, ['security', '--offline=yes', `--threshold=${EXPOSURE}`, '--no-pager'], text(UNIT))
  t.equal(status, 0, output)
})
