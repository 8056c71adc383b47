/** What the tests of probes and of membership share: pools without an app around them, and targets under TLS. */
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { RequestListener, Server } from 'node:http'
import type { Server as TcpServer } from 'node:net'
import type { Test } from 'tap'
import { systemClock, type Clock } from '../../lib/clock.js'
import type { Probe } from '../../lib/health/active.js'
import type { HealthOptions, PoolOptions } from '../../lib/pool-options.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { Pool } from '../../lib/pool.js'
import { Target, type TargetSnapshot } from '../../lib/target.js'
import { until } from '../kit/index.js'
import { targetSettings } from '../kit/target.js'
import { listening } from '../kit/listening.js'

/** Self-signed for localhost and 127.0.0.1; good until 2120. */
export const CERT = readFileSync(new URL('../kit/tls/cert.pem', import.meta.url))
export const KEY = readFileSync(new URL('../kit/tls/key.pem', import.meta.url))

export interface PoolLine { readonly level: 'info' | 'warn' | 'error', readonly message: string, readonly [field: string]: unknown }

export interface TestPool {
  readonly pool: Pool
  /** Every line the pool has logged. */
  readonly log: PoolLine[]
  /** The snapshot of one member. */
  readonly member: (url: string) => TargetSnapshot
}

/** A pool that is not started; it ends with the test. */
export function poolOf (t: Test, options: PoolOptions, clock: Clock = systemClock): TestPool {
  const log: PoolLine[] = []
  const write = (level: PoolLine['level']) => (fields: object, message: string): void => { log.push({ ...fields, level, message }) }
  const logger = { info: write('info'), warn: write('warn'), error: write('error') }
  const pool = new Pool(poolSettings('test', options, '', logger, clock))
  t.teardown(async () => { await pool.destroy() })
  const member = (url: string): TargetSnapshot => {
    const found = pool.targets.find(target => target.url === url)
    if (found === undefined) throw new Error(`${url} is not a member`)
    return found
  }
  return { pool, log, member }
}

/** What one probe makes of a target: 'up', or the reason why it is not. */
export async function verdict (t: Test, url: string, health: HealthOptions, options: Partial<PoolOptions> = {}): Promise<string> {
  const { pool } = poolOf(t, { ...options, targets: [url], health: { interval: 60_000, initial: 'down', fall: 1, ...health } })
  const reason = (): string | undefined => pool.targets[0]?.reason
  const unknown = reason()
  pool.start()
  await until(() => reason() !== unknown, 30_000)
  pool.stop()
  return reason() ?? 'up'
}

/** A target on its own, for the loop that probes it; nothing is sent to it. */
export function aTarget (clock: Clock, url = 'http://127.0.0.1:1', id = 0): Target {
  return new Target({ url, weight: 1, priority: 0, zone: undefined }, id, targetSettings(clock))
}

/** A probe that asks nobody: a target is well unless it is in `sick`. */
export function oracle (sick: ReadonlySet<string>): Probe {
  return async target => {
    await Promise.resolve()
    if (sick.has(target.url)) throw new Error('sick')
  }
}

/** Sends `count` requests one after another and tells how many each upstream answered. */
export async function shares (pool: Pool, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const { headers, body } = await pool.request({ method: 'GET', path: '/' })
    await body.dump()
    const name = String(headers['x-name'])
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

export async function connections (server: Server | TcpServer): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

/** Resolves once the server has no connection left. */
export async function deserted (server: Server | TcpServer, ms = 5000): Promise<void> {
  const end = performance.now() + ms
  for (let open; (open = await connections(server)) > 0;) {
    if (performance.now() > end) throw new Error(`still ${open} connections after ${ms} ms`)
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
}

/** An https upstream with the certificate of this directory's kit. */
export async function tlsUpstream (t: Test, listener: RequestListener): Promise<{ readonly url: string, readonly port: number, readonly server: Server }> {
  const server = createTlsServer({ cert: CERT, key: KEY }, listener)
  // Handshakes that are turned down are part of the play.
  server.on('tlsClientError', () => {})
  const port = await listening(t, server)
  return { url: `https://127.0.0.1:${port}`, port, server }
}
