import process from 'node:process'
import { systemClock } from '../clock.js'
import { Pool } from '../pool.js'
import { poolSettings } from '../pool-settings.js'
import { Generation } from './generation.js'
import { makeLog } from './log.js'

/** What has to be loaded and compiled for routes of whatever kind, for a process that will have to be quick one day. Nobody is connected to. */
export async function warmUp (): Promise<void> {
  const log = await makeLog({ level: 'silent' }, process.stdout)
  const name = 'none'
  const pool = new Pool(poolSettings(name, { targets: ['http://127.0.0.1'], health: { path: '/' } }, name, log, systemClock))
  const generation = await Generation.make({
    listen: {}, logRequests: true, log, nextId: () => name, routes: [{ prefix: '/', pool: name }], guards: {}, pools: { [name]: pool }
  })
  await generation.retire()
  await pool.destroy()
}
