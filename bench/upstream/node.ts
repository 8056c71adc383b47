import { fileURLToPath } from 'node:url'
import { Process } from '../process.js'
import { certificate } from './certificate.js'
import { BODIES, JSON_BODY, type Upstream, type UpstreamNeeds } from './upstream.js'

/** From one event to the next, ms. */
const EVENT_INTERVAL = 10

export async function startNode ({ tls }: UpstreamNeeds, prefix: readonly string[]): Promise<Upstream> {
  const { caFile, ...server } = certificate
  const config = { bodies: BODIES, json: JSON_BODY, eventInterval: EVENT_INTERVAL, ...tls && server }
  const program = fileURLToPath(new URL('program.js', import.meta.url))
  const child = new Process({ prefix, command: process.execPath, args: [program, JSON.stringify(config)] })
  const port = await child.ready()
  return {
    name: `node ${process.versions.node}`,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    ...tls && { caFile },
    end: async () => { await child.end() }
  }
}
