import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const SOURCE = new URL('../../lib/kubernetes/index.ts', import.meta.url).href

t.test('a Node that is too old for the client is a failure like any other, and ends no process', { skip: 'createZstdDecompress' in await import('node:zlib') }, async t => {
  const program = `const { kubernetes } = await import('${SOURCE}')
    await kubernetes({ service: 'users' })(new AbortController().signal).next().catch(error => { console.log(error.message) })
    await new Promise(resolve => { setTimeout(resolve, 100) })`
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])
  t.match(stdout, /can not be loaded: .+; version 2 needs Node 22\.19 or newer/)
})
