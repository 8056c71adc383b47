import type { Plan } from './load/load.js'
import { BODIES, JSON_BODY } from './upstream/upstream.js'

/** How long an answer may take, ms. */
const PATIENCE = 10_000

/** Whether a gateway passes on what the upstream says: the load looks at no more than statuses. @throws Error */
export async function verifyAnswer (label: string, url: string, plan: Plan): Promise<void> {
  if (plan.kind !== 'http') return
  const [path = '/'] = plan.paths
  const response = await fetch(`${url}${path}`, {
    method: plan.method, signal: AbortSignal.timeout(PATIENCE), ...plan.body !== undefined && { body: 'x'.repeat(plan.body) }
  })
  const { byteLength } = await response.arrayBuffer()
  const expected = BODIES[path] ?? JSON_BODY.length
  if (response.status !== 200 || byteLength !== expected) {
    throw new Error(`${label} answers ${plan.method} ${path} with ${response.status} and ${byteLength} bytes instead of 200 and ${expected}`)
  }
}
