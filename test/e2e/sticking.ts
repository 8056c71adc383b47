/** What the tests of sticky sessions share: clients that keep their cookie. */
import type { Test } from 'tap'
import type { AffinityOptions, PoolOptions, RouteOptions } from '../../lib/index.js'
import { gateway, named, type Gateway, type Upstream } from '../kit/index.js'
import { ask, type Answer } from './holding.js'

export const COOKIE = 'route'
export const SECRET = 'a secret of the tests'

export interface Browser {
  /** The cookie that it has; undefined until it was given one. */
  cookie: string | undefined
  /** How many cookies it was given. */
  given: number
  readonly visit: (path?: string) => Promise<Answer>
}

/** The cookies of an answer with which it sticks. */
export function cookiesIn ({ headers }: Pick<Answer, 'headers'>, name = COOKIE): string[] {
  return [headers['set-cookie'] ?? []].flat().filter(cookie => cookie.startsWith(`${name}=`))
}

/** A client that sends back the cookie that it got last. */
export function browser (gate: Gateway, cookie?: string): Browser {
  const it: Browser = {
    cookie,
    given: 0,
    async visit (path = '/') {
      const answer = await ask(gate, path, it.cookie === undefined ? {} : { headers: { cookie: `theme=dark; ${it.cookie}; lang=en` } })
      const [given] = cookiesIn(answer)
      if (given !== undefined) {
        it.given++
        it.cookie = given.split(';', 1)[0]
      }
      return answer
    }
  }
  return it
}

export interface Sticky extends Gateway { readonly upstreams: readonly Upstream[] }

/** A gateway that sticks, before targets named 0, 1, 2, … */
export async function sticky (t: Test, count: number, options: Partial<PoolOptions> & RouteOptions & { clock?: unknown } = {}, affinity: Partial<AffinityOptions> = {}): Promise<Sticky> {
  const upstreams = await Promise.all(Array.from({ length: count }, async (_, i) => await named(t, `${i}`)))
  const gate = await gateway(t, { name: 'pool', targets: upstreams.map(({ url }) => url), affinity: { cookie: COOKIE, secret: SECRET, ...affinity }, ...options })
  return { ...gate, upstreams }
}
