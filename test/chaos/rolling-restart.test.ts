import t from 'tap'
import { rollingRestart } from '../../chaos/scenarios/rolling-restart.js'
import { keeps } from './kit.js'

t.test(rollingRestart.about, async t => { await keeps(t, rollingRestart) })
