import t from 'tap'
import { killNine } from '../../chaos/scenarios/kill-9.js'
import { keeps } from './kit.js'

t.test(killNine.about, async t => { await keeps(t, killNine) })
