// The gateway shows its own certificate to an upstream that asks for one. The files are made by openssl, which this needs.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const directory = mkdtempSync(join(tmpdir(), 'mutual-tls-'))
const file = name => join(directory, name)
for (const name of ['server', 'gateway', 'stranger']) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)], { stdio: 'ignore' })
}
const read = name => readFileSync(file(name))

const upstream = Fastify({ https: { cert: read('server.pem'), key: read('server.key'), ca: read('gateway.pem'), requestCert: true, rejectUnauthorized: true } })
upstream.get('/*', async request => `hello, ${request.socket.getPeerCertificate().subject.CN}`)
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
const tls = name => ({ caFile: file('server.pem'), certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) })
for (const name of ['gateway', 'stranger']) await app.register(balancer, { prefix: `/${name}`, targets: [target], tls: tls(name) })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
for (const name of ['gateway', 'stranger']) {
  const response = await fetch(`${url}/${name}/x`)
  console.log(name, response.status, response.status === 200 ? await response.text() : (await response.json()).code)
}

await app.close()
await upstream.close()
rmSync(directory, { recursive: true })
