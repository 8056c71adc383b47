import t from 'tap'
import { runTokens } from '../long/tokens.js'

t.test('nobody gets the answer of another, whoever leaves, answers early or breaks off', async t => {
  await runTokens(t, 40, 5000)
})
