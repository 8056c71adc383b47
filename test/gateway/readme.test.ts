import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { EXTENSIONS } from '../../lib/gateway/extensions.js'
import { loadText } from '../../lib/gateway/load.js'
import { problemText } from '../../lib/gateway/problems.js'

const MINIMAL = { pools: { users: { targets: ['http://10.0.0.1:3000'] } }, routes: [{ pool: 'users' }] }

t.test('check accepts every piece of a document that the manual shows', async t => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = /^## A gateway without code$(.+?)^## /ms.exec(readme) ?? []
  const pieces = [...section.matchAll(/```yaml\n(.+?)```/gs)].map(([, yaml = '']) => parse(yaml) as object)
  t.ok(pieces.length >= 4)
  for (const option of ['discovery', 'guards', 'workers']) t.ok(pieces.some(piece => JSON.stringify(piece).includes(`"${option}"`)), option)
  for (const piece of pieces) {
    const { checked } = await loadText(stringify({ ...MINIMAL, ...piece }), { env: {}, extensions: EXTENSIONS })
    t.same(checked.problems?.map(problem => problemText(problem)), undefined)
  }
})
