import { existsSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import { deploy, files, GRACE, manifestFiles, root, text } from './kit.js'

const page = text('../docs/deploying.md')

t.test('links on the page lead somewhere, to every file of deploy/ among others', async t => {
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
  for (const link of links) t.ok(existsSync(new URL(link, new URL('docs/', root))), link)
  for (const file of ['Dockerfile', '.dockerignore', 'compose.yaml', 'compose/gateway.yaml', ...manifestFiles.map(name => `kubernetes/${name}`), 'systemd/gateway.yaml']) {
    t.ok(links.includes(`../deploy/${file}`), file)
    t.ok(existsSync(new URL(file, deploy)), file)
  }
})

t.test('the README leads to the page, and the package has the files', async t => {
  t.match(text('../README.md'), '](docs/deploying.md)')
  t.ok(files.includes('deploy'))
})

t.test('an idle connection is kept for as long as the page says', async t => {
  t.equal(Fastify().server.keepAliveTimeout, 72_000)
  t.match(page, '72 s, which is Fastify\'s default')
})

t.test('what is under way has as long as the page says', async t => {
  t.equal(GRACE, 10)
})
