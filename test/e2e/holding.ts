/** What the tests of limits share: a target that answers when the test says so, and how to look at answers and counts. */
import type { ServerResponse } from 'node:http'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { Pool } from '../../lib/index.js'
import { digest, upstream, type Gateway, type Upstream } from '../kit/index.js'

export interface Holding extends Upstream {
  /** What has come so far, in order. */
  readonly paths: string[]
  /** How many requests wait for their answer. */
  readonly held: () => number
  /** The most that have ever waited at once. */
  readonly most: () => number
  /** Answers the one that came first, or the one with this path. */
  readonly release: (path?: string) => void
  /** Answers those that are here and all that come. */
  readonly open: () => void
}

/** Reads requests whole, and answers with their SHA-256. */
export async function holding (t: Test, name = 'held'): Promise<Holding> {
  const waiting = new Map<string, () => void>()
  const paths: string[] = []
  let most = 0
  let isOpen = false
  let id = 0
  const server = await upstream(t, (request, response) => {
    const path = request.url ?? ''
    const key = `${id++} ${path}`
    paths.push(path)
    const hash = digest(request)
    const answer = async (): Promise<void> => {
      waiting.delete(key)
      const { sha256 } = await hash
      response.setHeader('x-name', name)
      response.end(sha256)
    }
    waiting.set(key, () => { answer().catch(() => { response.destroy() }) })
    most = Math.max(most, waiting.size)
    hash.catch(() => {})
    response.once('close', () => { waiting.delete(key) })
    if (isOpen) waiting.get(key)?.()
  })
  const releaseAll = (): void => { for (const answer of [...waiting.values()]) answer() }
  return {
    ...server,
    paths,
    held: () => waiting.size,
    most: () => most,
    release (path) {
      const [found] = [...waiting].filter(([key]) => path === undefined || key.endsWith(` ${path}`))
      if (found === undefined) throw new Error(`${path ?? 'nothing'} is not held, but ${[...waiting.keys()].join(', ')}`)
      found[1]()
    },
    open () {
      isOpen = true
      releaseAll()
    }
  }
}

/** A stream of events that has begun and does not end by itself. */
export function beginEvents (response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: 1\n\n')
}

export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly name: string | undefined
  readonly headers: Dispatcher.ResponseData['headers']
  readonly text: string
}

/** A request and its whole answer. */
export async function ask ({ request }: Gateway, path: string, options: Partial<Dispatcher.RequestOptions> = {}): Promise<Answer> {
  const { statusCode: status, headers, body } = await request(path, options)
  const text = await body.text()
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined
  return { status, code, name: headers['x-name'] as string | undefined, headers, text }
}

/** The one pool of a gateway. */
export function poolIn ({ app }: Gateway): Pool {
  const [pool, ...more] = Object.values(app.upstreams)
  if (pool === undefined || more.length > 0) throw new Error('there is not just one pool')
  return pool
}

/** Whether nothing is under way in the pool, by whichever count. */
export function isIdle (pool: Pool): boolean {
  const { inFlight, streams, waiting } = pool.load
  return inFlight === 0 && streams === 0 && waiting === 0 && pool.targets.every(target => target.inFlight === 0 && target.streams === 0)
}
