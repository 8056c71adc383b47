import process from 'node:process'
import { runWorker } from '../workers/index.js'
import { EXTENSIONS } from './extensions.js'
import { Gateway } from './gateway.js'
import { makeLog } from './log.js'
import { METRICS, STATUS } from './names.js'
import type { GatewayDocument } from './types.js'
import { warmUp } from './warm-up.js'

let gateway: Gateway | undefined

runWorker<GatewayDocument>({
  warmUp,
  async start (document, worker) {
    const log = (await makeLog(document.log ?? {}, process.stdout)).child({ worker: worker.id })
    const started = gateway = new Gateway({ log, extensions: EXTENSIONS, alongside: worker })
    worker.tellOf(started.upstreams)
    worker.answer(STATUS, () => started.status)
    worker.answer(METRICS, async () => await started.metrics?.parts() ?? [])
    await started.start(document)
  },
  async reload (document) { await gateway?.reload(document) },
  async stop () { await gateway?.stop() }
})
