import type { Scenario } from '../scenario.js'
import { allDown } from './all-down.js'
import { blackHole } from './black-hole.js'
import { cutBody } from './cut-body.js'
import { dnsGone } from './dns-gone.js'
import { fastFail } from './fast-fail.js'
import { fdExhaustion } from './fd-exhaustion.js'
import { flapping } from './flapping.js'
import { fullQueue } from './full-queue.js'
import { idleClose } from './idle-close.js'
import { killNine } from './kill-9.js'
import { overload } from './overload.js'
import { refused } from './refused.js'
import { resetBefore, resetInHeaders } from './resets.js'
import { rollingRestart } from './rolling-restart.js'
import { sigstop } from './sigstop.js'
import { sigterm } from './sigterm.js'
import { slowBody } from './slow-body.js'
import { storm } from './storm-503.js'

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  killNine, rollingRestart, sigstop, refused, blackHole, storm, idleClose, allDown, fastFail, overload, fullQueue, sigterm,
  resetBefore, resetInHeaders, cutBody, slowBody, flapping, dnsGone, fdExhaustion
]
