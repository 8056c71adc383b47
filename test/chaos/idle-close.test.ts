import t from 'tap'
import { idleClose } from '../../chaos/scenarios/idle-close.js'
import { keeps } from './kit.js'

t.test(idleClose.about, async t => { await keeps(t, idleClose) })
