import t from 'tap'
import { storm } from '../../chaos/scenarios/storm-503.js'
import { keeps } from './kit.js'

t.test(storm.about, async t => { await keeps(t, storm) })
