import process from 'node:process'
import { runWorker } from '../workers/index.js'
import { EXTENSIONS } from './extensions.js'
import { Gateway } from './gateway.js'
import { makeLog } from './log.js'
import { STATUS } from './names.js'
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
    await started.start(own(document))
  },
  async reload (document) { await gateway?.reload(own(document)) },
  async stop () { await gateway?.stop() }
})

/** Operators are told by the primary, of all workers. */
function own ({ admin: _, ...document }: GatewayDocument): GatewayDocument {
  return document
}
