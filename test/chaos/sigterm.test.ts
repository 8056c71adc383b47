import t from 'tap'
import { sigterm } from '../../chaos/scenarios/sigterm.js'
import { keeps } from './kit.js'

// A client that begins with a jam opens connections that it hardly uses later. One of those it may well use just as it is closed.
t.test(sigterm.about, async t => { await keeps(t, sigterm, { clientWarmUp: 400 }) })
