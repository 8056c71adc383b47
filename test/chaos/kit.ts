import type { Test } from 'tap'
import { play } from '../../chaos/runner.js'
import type { Scenario } from '../../chaos/scenario.js'
import { warmClient } from '../../chaos/warm-client.js'

/** The processes of a scenario take long to start on a busy machine. */
export const PATIENCE = 300_000

/** Plays a short run and checks what was promised about counts. What was promised about times needs a machine of its own. */
export async function keeps (t: Test, scenario: Scenario, { clientWarmUp = 0 } = {}): Promise<void> {
  t.setTimeout(PATIENCE)
  if (clientWarmUp > 0) await warmClient(clientWarmUp)
  const rows = await play(scenario, { short: true, warm: false })
  t.not(rows.length, 0)
  for (const { scenario, sent, failures, pledges } of rows) {
    t.not(sent, 0, `${scenario}: requests were sent`)
    for (const { text, kept, found, about } of pledges) {
      if (about === 'counts') t.ok(kept, `${scenario}: ${text}`, { found, failures })
      else t.comment(`${scenario}: ${text}: ${kept ? 'kept' : found}`)
    }
  }
}
