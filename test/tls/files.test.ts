import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { gateway } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'
import { pool, refusal, refuses } from '../options/refusal.js'

const directory = mkdtempSync(join(tmpdir(), 'tls-files-'))
t.teardown(() => { rmSync(directory, { recursive: true }) })

function file (name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

const [ca, cert, key, encrypted] = [pemPath('ca'), pemPath('client'), pemPath('client-key'), pemPath('client-key-encrypted')]
const missing = join(directory, 'missing.pem')
const text = file('text.pem', 'hunter2')
const torn = file('torn.pem', pem('ca') + pem('other-ca').slice(0, 200))
const broken = file('broken.pem', pem('ca') + pem('other-ca').replace(/\n.{20}/, '\nhunter2'))
const brokenKey = file('broken-key.pem', '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n')

t.test('a file that can not be read is named, with the option', async t => {
  await refuses(t, pool({ tls: { caFile: missing } }), `pools.users.tls.caFile: '${missing}': ENOENT, must be a file that can be read`)
  await refuses(t, pool({ tls: { caFile: [ca, missing] } }), `pools.users.tls.caFile[1]: '${missing}': ENOENT, must be a file that can be read`)
  await refuses(t, pool({ tls: { certFile: missing, keyFile: key } }), `pools.users.tls.certFile: '${missing}': ENOENT, must be a file that can be read`)
  await refuses(t, pool({ tls: { certFile: cert, keyFile: directory } }), `pools.users.tls.keyFile: '${directory}': EISDIR, must be a file that can be read`)
})

t.test('so is one that holds something else, or a part of it', async t => {
  for (const path of [text, torn, broken, key]) {
    await refuses(t, pool({ tls: { caFile: path } }), `pools.users.tls.caFile: '${path}', must hold certificates in PEM, each of them whole`)
    await refuses(t, pool({ tls: { certFile: path, keyFile: key } }), `pools.users.tls.certFile: '${path}', must hold certificates in PEM, each of them whole`)
  }
  for (const path of [text, brokenKey, cert]) {
    await refuses(t, pool({ tls: { certFile: cert, keyFile: path } }), `pools.users.tls.keyFile: '${path}', must hold a private key in PEM`)
  }
  await refuses(t, pool({ tls: { ca: '-----BEGIN CERTIFICATE-----' } }), 'pools.users.tls.ca: must hold certificates in PEM, each of them whole')
  await refuses(t, pool({ tls: { ca: [pem('ca'), pem('client-key')] } }), 'pools.users.tls.ca[1]: must hold certificates in PEM, each of them whole')
})

t.test('a key must be that of its certificate', async t => {
  const other = pemPath('client2-key')
  await refuses(t, pool({ tls: { certFile: cert, keyFile: other } }),
    `pools.users.tls.keyFile: '${other}': the key of another certificate, must be that of pools.users.tls.certFile '${cert}'`)
  await refuses(t, pool({ tls: { cert: pem('client'), key: pem('client2-key') } }),
    'pools.users.tls.key: the key of another certificate, must be that of pools.users.tls.cert')
})

t.test('an encrypted key needs its passphrase, which is never repeated', async t => {
  await refuses(t, pool({ tls: { certFile: cert, keyFile: encrypted } }), `pools.users.tls.keyFile: '${encrypted}': encrypted, must be given with passphrase`)
  await refuses(t, pool({ tls: { certFile: cert, keyFile: encrypted, passphrase: 'hunter2' } }),
    `pools.users.tls.keyFile: '${encrypted}': can not be decrypted, must be given with its own passphrase`)
  await refuses(t, pool({ tls: { passphrase: 'hunter2' } }), 'pools.users.tls.passphrase: there is no key, must be left out')
  for (const passphrase of ['', 5, null]) {
    await refuses(t, pool({ tls: { certFile: cert, keyFile: encrypted, passphrase } }), 'pools.users.tls.passphrase: must be a text that is not empty')
  }
})

t.test('a file excludes its PEM, and a certificate goes with its key', async t => {
  await refuses(t, pool({ tls: { ca: pem('ca'), caFile: ca } }), 'pools.users.tls.caFile: there is ca, must be left out')
  await refuses(t, pool({ tls: { cert: pem('client'), certFile: cert, keyFile: key } }), 'pools.users.tls.certFile: there is cert, must be left out')
  await refuses(t, pool({ tls: { certFile: cert, key: pem('client-key'), keyFile: key } }), 'pools.users.tls.keyFile: there is key, must be left out')
  await refuses(t, pool({ tls: { certFile: cert } }), 'pools.users.tls.keyFile: missing, must be given with certFile')
  await refuses(t, pool({ tls: { keyFile: key } }), 'pools.users.tls.certFile: missing, must be given with keyFile')
})

t.test('paths and the interval are checked like every option', async t => {
  for (const [caFile, shown] of [['', "''"], [[], '[]'], [[''], "[ '' ]"], [5, '5'], [[ca, 5], `[ '${ca}', 5 ]`]]) {
    await refuses(t, pool({ tls: { caFile } }), `pools.users.tls.caFile: ${String(shown)}, must be a path, or a list of paths`)
  }
  await refuses(t, pool({ tls: { certFile: '', keyFile: key } }), "pools.users.tls.certFile: '', must not be empty")
  await refuses(t, pool({ tls: { certFile: cert, keyFile: [key] } }), `pools.users.tls.keyFile: [ '${key}' ], must be a text`)
  await refuses(t, pool({ tls: { reloadInterval: -1 } }), 'pools.users.tls.reloadInterval: -1, must be >= 0')
  await refuses(t, pool({ tls: { reloadInterval: '10s' } }), "pools.users.tls.reloadInterval: '10s', must be a finite number")
  await refuses(t, pool({ tls: { reloadInterval: 2 ** 31 } }), 'pools.users.tls.reloadInterval: 2147483648, must be <= 2147483647')
})

t.test('no message has anything of a key in it', async t => {
  const secrets = [pem('client-key'), pem('client2-key'), pem('client-key-encrypted')].flatMap(text => text.split('\n').filter(line => line.length > 40))
  for (const tls of [
    { certFile: key, keyFile: key }, { cert: pem('client'), key: pem('client2-key') }, { certFile: cert, keyFile: encrypted },
    { cert: pem('client'), key: pem('client-key').replace(/\n.{8}/, '\nAAAAAAAA') }
  ]) {
    const { message } = await refusal(pool({ tls }))
    for (const secret of [...secrets, 'PRIVATE KEY-----']) t.notOk(message.includes(secret), message)
  }
})

t.test('a chain and a key may be in one file, and a path may be relative', async t => {
  const { named } = await tlsUpstream(t, { ...identity('server'), ca: pem('client-ca'), requestCert: true })
  const both = relative(process.cwd(), file('both.pem', pem('client-key') + pem('client') + pem('client-ca').replaceAll('\n', '\r\n')))
  const { request } = await gateway(t, { targets: [named], tls: { caFile: ca, certFile: both, keyFile: both } })
  const { statusCode, body } = await request('/')
  t.equal(statusCode, 200)
  t.equal(await body.text(), 'client')
})
