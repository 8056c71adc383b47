import t from 'tap'
import { stalls } from '../upgrade/backpressure.js'

t.test('150 MiB towards an upstream that stops reading', async t => { await stalls(t, 150 * 1024 * 1024, 'up') })

t.test('150 MiB towards a client that stops reading', async t => { await stalls(t, 150 * 1024 * 1024, 'down') })
