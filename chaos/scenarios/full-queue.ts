import { Client, type Answer } from '../client.js'
import { found } from '../found.js'
import { rowOf } from '../rows.js'
import { counted, timed, type Scenario } from '../scenario.js'

const SLOTS = 4
const QUEUE = 4
const REFUSALS = 20
const REFUSED_WITHIN = 20

/** Long enough for all that goes on meanwhile, ms. */
const BUSY = 3000

export const fullQueue: Scenario = {
  name: 'full-queue',
  about: 'every slot and every place in the queue is taken',
  compared: false,
  run: async stage => {
    const upstream = await stage.upstream({ takes: [BUSY, BUSY] })
    const gateway = await stage.balancer({ targets: [upstream.url], pool: { limits: { inFlight: SLOTS, queue: QUEUE, queueTimeout: 2 * BUSY } } })
    const client = new Client(gateway.url)
    stage.atEnd(async () => { await client.end() })
    const ask = async (number: number): Promise<Answer> => await client.request({ number, method: 'GET', keyed: false, due: performance.now() })

    const busy = Array.from({ length: SLOTS + QUEUE }, async (_, number) => await ask(number))
    await found(async () => (await gateway.report()).begun === busy.length || undefined, BUSY)
    const refusals: Answer[] = []
    while (refusals.length < REFUSALS) refusals.push(await ask(busy.length + refusals.length))
    const served = await Promise.all(busy)
    const proper = refusals.filter(({ status, retryAfter }) => status === 503 && retryAfter !== undefined)
    return [await rowOf({
      scenario: 'full-queue',
      gateway,
      answers: [...served, ...refusals],
      pledges: () => [
        counted(`${REFUSALS} times 503 with Retry-After`, proper.length, proper.length === REFUSALS),
        timed(`refused within ${REFUSED_WITHIN} ms`, Math.max(...refusals.map(({ ms }) => ms)), REFUSED_WITHIN)
      ]
    })]
  }
}
