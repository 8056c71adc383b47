import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import type { BalancerOptions } from '../../lib/index.js'
import { shutdown, type ShutdownOptions } from '../../lib/shutdown.js'
import { gateway, upstream, type Gateway } from '../kit/index.js'

/** Nothing lasts so long, in milliseconds. */
export const LONG = 60_000

/** A gateway with a shutdown, by default for no signal. It must not cut connections off when it closes, as that of other tests does. */
export async function closing (
  t: Test,
  options: BalancerOptions,
  shutdownOptions: ShutdownOptions,
  { before, ...server }: FastifyServerOptions & { readonly before?: (app: FastifyInstance) => void } = {}
): Promise<Gateway & { readonly close: () => Promise<void> }> {
  let close = async (): Promise<void> => { throw new Error('there is no shutdown') }
  const served = await gateway(t, options, {
    forceCloseConnections: false,
    ...server,
    before: (app: FastifyInstance) => {
      close = shutdown(app, { signals: [], ...shutdownOptions })
      before?.(app)
    }
  })
  return { ...served, close }
}

/** Resolves once the server closes, which is after it has stopped to let anybody in. To be called before the shutdown begins. */
export async function serverCloses ({ server }: FastifyInstance): Promise<void> {
  const { close } = server
  await new Promise<void>(resolve => {
    server.close = callback => {
      server.close = close
      resolve()
      return server.close(callback)
    }
  })
}

/** An upstream whose answers wait to be let go. */
export async function waiting (t: Test): Promise<{ readonly url: string, readonly pending: Array<() => void> }> {
  const pending: Array<() => void> = []
  const { url } = await upstream(t, (_request, response) => { pending.push(() => { response.end('late') }) })
  return { url, pending }
}
