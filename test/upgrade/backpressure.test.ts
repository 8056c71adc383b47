import t from 'tap'
import { stalls } from './backpressure.js'

t.test('32 MiB or more towards an upstream that stops reading', async t => { await stalls(t, 32 * 1024 * 1024, 'up') })

t.test('32 MiB or more towards a client that stops reading', async t => { await stalls(t, 32 * 1024 * 1024, 'down') })
