import Fastify from 'fastify'
import type { Test } from 'tap'
import balancer, { type BalancerOptions } from '../../lib/index.js'

/** Somewhere to point at; nothing is ever sent there. */
export const URL_A = 'http://a.test:3000'

/** Registers `options` in an app of its own and resolves to the error that it makes. */
export async function refusal (options: unknown): Promise<Error & { code?: string }> {
  const app = Fastify()
  let error: unknown
  try {
    await app.register(balancer, options as BalancerOptions)
    await app.ready()
  } catch (caught) {
    error = caught
  }
  await app.close().catch(() => {})
  if (error instanceof Error) return error
  throw new Error(`accepted: ${JSON.stringify(options)}`)
}

/** Asserts that `options` are refused with exactly this message. */
export async function refuses (t: Test, options: unknown, message: string): Promise<void> {
  const error = await refusal(options)
  t.equal(error.message, message)
  t.equal(error.code, 'FST_BALANCER_BAD_OPTION', message)
}

/** A pool called `users` with these options; it has a target unless they say otherwise. */
export function pool (options: object): object {
  return { pools: { users: { targets: [URL_A], ...options } } }
}

/** A route with these options to a pool that is fine. */
export function route (options: object): object {
  return { pools: { users: { targets: [URL_A] } }, routes: [{ pool: 'users', ...options }] }
}
