import t from 'tap'
import { configuration } from './configuration.js'
import { running } from './kit.js'

const POOLS = { users: { targets: ['http://127.0.0.1:1'] } }

for (const [start, reason] of [['fails', 'the program has no wish to start'], ['exits', 'exit code 7']] as const) {
  t.test(`when no worker can start, the process ends with the reason: one that ${start}`, async t => {
    const gateway = running(t, 2, configuration(POOLS, { start }))
    t.same(await gateway.ended(), { code: 1, signal: null })
    const ends = gateway.log.filter(({ message }) => message === 'worker has ended: another takes its place')
    t.equal(ends.length, 2, 'they are given a second chance, and one of them the third')
    t.equal(ends[0]?.['wait'], 0)
    t.match(gateway.log.at(-1), { level: 'error', message: 'the workers could not be started', err: `No worker could start: ${reason}` })
  })
}

t.test('a worker that only hangs is not waited for', async t => {
  const gateway = running(t, 1, configuration(POOLS, { start: 'hangs' }), { startTimeout: 1500 })
  t.same(await gateway.ended(), { code: 1, signal: null })
  t.match(gateway.log.at(-1), { err: 'No worker could start: not ready within 1500 ms' })
})

t.test('pools that can not be end the process before there are workers', async t => {
  const gateway = running(t, 2, configuration({ users: { targets: ['http://127.0.0.1:1'], health: { path: 'oops', interval: -1 } } } as never))
  t.same(await gateway.ended(), { code: 1, signal: null })
  t.match(gateway.log.at(-1)?.['err'], /^pools\.users/)
})
