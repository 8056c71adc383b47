import t from 'tap'
import { EXTENSIONS } from '../../lib/gateway/extensions.js'
import { loadText } from '../../lib/gateway/load.js'
import { problemText } from '../../lib/gateway/problems.js'
import { gatewayDocuments } from './kit.js'

const documents = gatewayDocuments()

t.test('there is a gateway document for each way to deploy', async t => {
  t.equal(documents.length, 3)
})

for (const { name, text } of documents) {
  t.test(`${name} is a document that check accepts`, async t => {
    const { checked } = await loadText(text, { env: {}, extensions: EXTENSIONS })
    t.same(checked.problems?.map(problem => problemText(problem, name)), undefined)
  })
}
