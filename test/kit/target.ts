import type { Clock } from '../../lib/clock.js'
import type { TargetSettings } from '../../lib/target.js'

/** Settings of a target without limits of any kind. */
export function targetSettings (clock: Clock, settings: Partial<TargetSettings> = {}): TargetSettings {
  return {
    clock,
    timeouts: { connect: 0, try: 0, headers: 0, idle: 0, total: 0, tunnel: 0, grace: 0 },
    tls: {},
    limits: { target: 0, connections: 0, adaptive: undefined },
    slowStart: undefined,
    ...settings
  }
}
