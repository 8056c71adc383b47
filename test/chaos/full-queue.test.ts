import t from 'tap'
import { fullQueue } from '../../chaos/scenarios/full-queue.js'
import { keeps } from './kit.js'

t.test(fullQueue.about, async t => { await keeps(t, fullQueue) })
