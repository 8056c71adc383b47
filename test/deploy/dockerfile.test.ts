import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { validate } from 'dockerfile-utils'
import dockerfilelint from 'dockerfilelint'
import t, { type Test } from 'tap'
import { compose, DOCUMENT, exitOf, pathOf, PROGRAM, text, version } from './kit.js'

const dockerfile = text('Dockerfile')
const lint = (source: string): Array<{ title: string, line: number }> =>
  dockerfilelint.run(pathOf('.'), source).map(({ title, line }) => ({ title, line }))

/** What follows an instruction of the last stage. */
function argumentsOf (instruction: string): string {
  const stage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
  const found = [...stage.matchAll(new RegExp(`^${instruction} (.+)$`, 'gm'))]
  if (found[0]?.[1] === undefined || found.length > 1) throw new Error(`${found.length} of ${instruction}`)
  return found[0][1]
}

const healthcheck = JSON.parse(argumentsOf('HEALTHCHECK').replace(/^.* CMD /, '')) as string[]

/** An admin listener whose answers to `path` have this status, and to others 404. */
async function admin (t: Test, path: string, status: number): Promise<{ url: string, server: Server }> {
  const server = createServer(({ url }, response) => { response.writeHead(url === path ? status : 404).end() }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

t.test('the Dockerfile has nothing that its linters would change', async t => {
  t.same(validate(dockerfile), [])
  t.same(lint(dockerfile), [])
})

t.test('the linters see what is wrong', async t => {
  t.not(validate(dockerfile.replace('STOPSIGNAL SIGTERM', 'STOPSIGNAL NONE')).length, 0)
  t.not(validate(dockerfile.replace('WORKDIR', 'WORKDIRECTORY')).length, 0)
  t.not(lint(dockerfile.replace(/FROM node:\S+/, 'FROM node:latest')).length, 0)
})

t.test('it installs this version, and runs the program with its document', async t => {
  t.match(dockerfile, new RegExp(`^ARG VERSION=${version.replaceAll('.', '\\.')}$`, 'm'))
  t.same(JSON.parse(argumentsOf('ENTRYPOINT')), ['/nodejs/bin/node', `/app/${PROGRAM}`])
  t.same(JSON.parse(argumentsOf('CMD')), ['start', DOCUMENT])
})

t.test('it runs as a numbered user that is not root, and ends on SIGTERM', async t => {
  t.match(argumentsOf('USER'), /^[1-9]\d*:[1-9]\d*$/)
  t.equal(argumentsOf('STOPSIGNAL'), 'SIGTERM')
})

for (const { name, command, path } of [
  { name: 'the image', command: healthcheck, path: '/live' },
  { name: 'the gateway in compose.yaml', command: compose.services.gateway?.healthcheck.test.slice(1) ?? [], path: '/ready' }
]) {
  t.test(`the health check of ${name} goes by ${path} of the admin listener`, async t => {
    t.equal(command[0], '/nodejs/bin/node')
    const well = await admin(t, path, 200)
    t.equal(await exitOf(command.slice(1), { ADMIN: well.url }), 0)
    const ill = await admin(t, path, 503)
    t.equal(await exitOf(command.slice(1), { ADMIN: ill.url }), 1)
    const gone = await admin(t, path, 200)
    gone.server.close()
    await once(gone.server, 'close')
    t.equal(await exitOf(command.slice(1), { ADMIN: gone.url }), 1)
  })
}

t.test('only packages get into the build', async t => {
  t.same(text('.dockerignore').split('\n').filter(line => line !== '' && !line.startsWith('#')), ['*', '!*.tgz'])
})
