import { copyFileSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { gateway, until, type Gateway } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'

const asking = { ...identity('server'), ca: pem('client-ca'), requestCert: true, rejectUnauthorized: true }

interface Play extends Gateway {
  readonly certFile: string
  readonly keyFile: string
  /** Asks over a new connection and tells whose certificate the target saw. */
  readonly ask: () => Promise<string>
  readonly said: (level: number) => string[]
}

/** A gateway with the certificate of `client` in files, which it looks at all the time. */
async function play (t: Test): Promise<Play> {
  const directory = mkdtempSync(join(tmpdir(), 'tls-reload-bad-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  copyFileSync(pemPath('client'), certFile)
  copyFileSync(pemPath('client-key'), keyFile)
  const { named, handshakes } = await tlsUpstream(t, asking, (_request, response) => {
    response.setHeader('connection', 'close')
    response.end(handshakes.at(-1)?.client)
  })
  const made = await gateway(t, { targets: [named], tls: { ca: pem('ca'), certFile, keyFile, reloadInterval: 5 } })
  const ask = async (): Promise<string> => {
    const { statusCode, body } = await made.request('/')
    t.equal(statusCode, 200)
    return await body.text()
  }
  const said = (level: number): string[] => made.log.filter(line => line.level === level && line.msg.startsWith('TLS files'))
    .map(line => String(line['reason'] ?? line.msg))
  return { ...made, certFile, keyFile, ask, said }
}

/** Long enough for many looks. */
async function looks (): Promise<void> {
  await new Promise(resolve => { setTimeout(resolve, 150) })
}

t.test('a pair that is replaced file by file breaks nothing', async t => {
  const { certFile, keyFile, ask, said } = await play(t)
  t.equal(await ask(), 'client')
  copyFileSync(pemPath('client2-key'), keyFile)
  await until(() => said(50).length === 1)
  t.match(said(50), [`tls.keyFile: '${keyFile}': the key of another certificate, must be that of tls.certFile '${certFile}'`])
  for (let i = 0; i < 3; i++) t.equal(await ask(), 'client')
  copyFileSync(pemPath('client2'), certFile)
  await until(() => said(30).length === 1)
  t.equal(await ask(), 'client2')
  await looks()
  t.equal(said(50).length, 1)
  t.equal(said(30).length, 1)
})

t.test('files that can not be used leave those from before, and are complained of once for each change', async t => {
  const { certFile, keyFile, ask, said } = await play(t)
  const complaints: string[] = []
  const spoil = async (change: () => void, complaint: string): Promise<void> => {
    change()
    complaints.push(complaint)
    await until(() => said(50).at(-1) === complaint)
    await looks()
    t.same(said(50), complaints)
    t.equal(await ask(), 'client')
  }
  await spoil(() => { unlinkSync(certFile) }, `tls.certFile: '${certFile}': ENOENT, must be a file that can be read`)
  await spoil(() => { writeFileSync(certFile, 'hunter2') }, `tls.certFile: '${certFile}', must hold certificates in PEM, each of them whole`)
  await spoil(() => { writeFileSync(certFile, pem('client2')) },
    `tls.keyFile: '${keyFile}': the key of another certificate, must be that of tls.certFile '${certFile}'`)
  await spoil(() => { writeFileSync(keyFile, '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n') },
    `tls.keyFile: '${keyFile}', must hold a private key in PEM`)
  t.same(said(30), [])
  // What was there before is good again, and that is news.
  writeFileSync(keyFile, pem('client-key'))
  writeFileSync(certFile, pem('client'))
  await until(() => said(30).length === 1)
  t.equal(await ask(), 'client')
})

t.test('no request fails while files are replaced under load', async t => {
  const { certFile, keyFile, ask, said } = await play(t)
  const load = new AbortController()
  let asked = 0
  const asking = (async () => {
    while (!load.signal.aborted) {
      t.match(await ask(), /^client2?$/)
      asked++
    }
  })()
  for (let i = 0; i < 6; i++) {
    const name = i % 2 === 0 ? 'client2' : 'client'
    writeFileSync(certFile, '')
    writeFileSync(keyFile, pem(`${name}-key`))
    const [infos, before] = [said(30).length, asked]
    await until(() => asked > before + 2, 10_000)
    writeFileSync(certFile, pem(name))
    await until(() => said(30).length > infos, 10_000)
  }
  load.abort()
  await asking
  t.equal(await ask(), 'client')
})
