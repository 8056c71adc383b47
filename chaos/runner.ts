import type { GatewayKind } from './gateway.js'
import type { Row, Scenario } from './scenario.js'
import { Stage, type StageOptions } from './stage.js'

/** Plays one scenario on a stage of its own. */
export async function play (scenario: Scenario, options: StageOptions): Promise<readonly Row[]> {
  const stage = new Stage(options)
  try {
    return await scenario.run(stage)
  } finally {
    await stage.end()
  }
}

/** The line of one that could not be played to its end. */
export function failedRow (scenario: Scenario, kind: GatewayKind, error: Error): Row {
  return {
    scenario: scenario.name,
    gateway: kind,
    sent: 0,
    failedIdempotent: 0,
    failedPosts: 0,
    failures: {},
    pledges: [{ text: 'it can be played', kept: false, found: error.message, about: 'counts' }]
  }
}
