/** The gateway, in a process of its own: `gateway-program.ts <JSON>`. It answers its parent's questions, and ends when the parent is gone. */
import Fastify from 'fastify'
import balancer from '../lib/index.js'
import type { BalancerConfig } from './balancer.js'
import { Census } from './census.js'
import type { Question } from './report.js'
import { Recorder } from './recorder.js'
import { WarmUp } from './warm-up.js'

const { targets, pool: options, grace, recorded = true, warmUp: requests = 0 } = JSON.parse(process.argv[2] ?? '{}') as BalancerConfig

// Before anything starts a timer.
const census = new Census()
const app = Fastify()
const recorder = new Recorder(app)
const warmUp = new WarmUp(app)

await warmUp.register()
await app.register(balancer, { ...options, targets, name: 'pool', ...recorded && { observers: [recorder] } })
const pool = app.upstreams['pool']
if (pool === undefined) throw new Error('there is no pool')

if (grace !== undefined) {
  const { shutdown } = await import('../lib/index.js')
  shutdown(app, { grace })
}
// Ctrl-C reaches the whole process group; the parent decides when its gateway ends.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => { process.exit() })

async function answer (question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'report': return recorder.report(pool?.targets ?? [])
    case 'usage': return await census.take()
    case 'add':
      for (const target of question.targets) pool?.add(target)
      return question.targets.length
    case 'remove':
      await Promise.all(question.targets.map(async target => { await pool?.remove(target) }))
      return question.targets.length
  }
}

process.on('message', (question: Question & { readonly id: number }) => {
  const { id } = question
  answer(question).then(value => process.send?.({ id, value }), (error: Error) => process.send?.({ id, error: error.message }))
})

const url = await app.listen({ port: 0, host: '127.0.0.1' })
await warmUp.run(url, requests)
recorder.reset()
process.send?.({ ready: url })
