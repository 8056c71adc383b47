/** What the tests of passive health share. */
import type { ServerResponse } from 'node:http'
import type { Test } from 'tap'
import type { TargetSnapshot } from '../../lib/index.js'
import { upstream, type Gateway, type LogLine, type Upstream } from '../kit/index.js'

/** The targets of the pool called `pool`. */
export function members ({ app }: Gateway): readonly TargetSnapshot[] { return app.upstreams['pool']?.targets ?? [] }

export function health (gate: Gateway): string[] { return members(gate).map(target => target.health) }

/** The statuses of `count` requests, one after another. */
export async function statuses ({ request }: Gateway, count: number, path = '/'): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) {
    const { statusCode, body } = await request(path)
    await body.dump()
    seen.push(statusCode)
  }
  return seen
}

/** The lines that tell of changes of health, as `was → is`. */
export function changes (log: readonly LogLine[]): string[] {
  return log.filter(({ was }) => was !== undefined).map(({ was, health }) => `${String(was)} → ${String(health)}`)
}

export interface Moody extends Upstream {
  /** How it answers from now on. */
  mood: (response: ServerResponse, path: string) => void
}

export function status (code: number, headers: Record<string, string> = {}): Moody['mood'] {
  return response => { response.writeHead(code, { 'content-length': 2, ...headers }).end('ok') }
}

/** An upstream whose answers the test changes as it likes. */
export async function moody (t: Test, mood: Moody['mood'] = status(200), port = 0): Promise<Moody> {
  const made: Upstream = await upstream(t, (request, response) => {
    request.on('error', () => {})
    request.resume()
    result.mood(response, request.url ?? '')
  }, port)
  const result: Moody = { ...made, mood }
  return result
}
