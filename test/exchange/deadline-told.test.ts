import t from 'tap'
import type { ExchangeOptions } from '../../lib/exchange.js'
import { play, turn, type Send } from './scripted.js'

const TOLD = { tellDeadline: { name: 'x-timeout', like: '1500ms' } }

function told (send: Send): string | undefined {
  const { headers } = send.options
  if (!Array.isArray(headers)) return (headers as Record<string, string> | undefined)?.['x-timeout']
  const list = headers as string[]
  return list.some(field => field === 'x-timeout') ? list[list.indexOf('x-timeout') + 1] : undefined
}

t.test('each target is told what is left when it is asked', async t => {
  const { a, b, clock, exchange } = play({ timeout: 1500, ...TOLD })
  exchange.start()
  t.equal(told(a.sent), '1500ms')
  await clock.advance(400.5)
  a.sent.handler.onError(new Error('refused'))
  await turn()
  t.equal(told(b.sent), '1099ms', 'rounded down')
})

t.test('a hedge is told what is left by then', async t => {
  const { a, b, clock, exchange } = play({ timeout: 1500, ...TOLD }, { hedge: { delay: () => 100, answered () {} } })
  exchange.start()
  a.sent.connect()
  await clock.advance(100)
  t.equal(told(b.sent), '1400ms')
})

t.test('never 0, which many take for no deadline', async t => {
  const { a, exchange } = play({ timeout: 0.4, ...TOLD })
  exchange.start()
  t.equal(told(a.sent), '1ms')
})

t.test('without a limit nobody is told of one', async t => {
  const { a, exchange } = play(TOLD)
  exchange.start()
  t.equal(told(a.sent), undefined)
})

t.test('it takes the place of whatever is called the same, and leaves the others alone', async t => {
  for (const headers of [{ 'X-Timeout': '9', b: 'c' }, ['X-TIMEOUT', '9', 'b', 'c'], ['b', 'c', 'x-timeout', '9'], new Map([['X-timeout', '9'], ['b', 'c']]), undefined, null]) {
    const { a, exchange } = play({ timeout: 1500, ...TOLD, headers: headers as ExchangeOptions['headers'] })
    exchange.start()
    const sent = a.sent.options.headers as string[] | Record<string, string>
    const fields = Array.isArray(sent) ? sent : Object.entries(sent).flat()
    t.same(fields, headers === undefined || headers === null ? ['x-timeout', '1500ms'] : ['b', 'c', 'x-timeout', '1500ms'])
  }
})
