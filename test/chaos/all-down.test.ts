import t from 'tap'
import { allDown } from '../../chaos/scenarios/all-down.js'
import { keeps } from './kit.js'

t.test(allDown.about, async t => { await keeps(t, allDown) })
