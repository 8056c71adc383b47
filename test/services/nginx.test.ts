import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { digest, gateway, sha256, until } from '../kit/index.js'

/** A port that was free a moment ago; nginx can not choose one itself. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Nginx { readonly url: string, readonly files: string, readonly kill: (signal: NodeJS.Signals) => Promise<void>, readonly start: () => Promise<void> }

async function nginx (t: Test): Promise<Nginx> {
  const directory = await mkdtemp(join(tmpdir(), 'nginx-'))
  const files = join(directory, 'files')
  mkdirSync(files)
  const port = await freePort()
  writeFileSync(join(directory, 'nginx.conf'), `
    daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 1024; }
    http {
      access_log off; client_max_body_size 64m; keepalive_timeout 1s;
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
      # Without gzip_proxied nginx compresses nothing for a request with a Via.
      gzip on; gzip_proxied any; gzip_vary on; gzip_min_length 100; default_type text/html;
      server {
        listen 127.0.0.1:${port};
        root ${files};
        location = /healthz { return 200 "fine"; }
        location = /busy { return 503 "busy"; }
      }
    }`)
  let child: ChildProcess
  const start = async (): Promise<void> => {
    child = spawn('nginx', ['-c', join(directory, 'nginx.conf'), '-p', directory], { stdio: 'ignore' })
    let up = false
    const ask = async (): Promise<void> => {
      while (!up) up = await fetch(`http://127.0.0.1:${port}/healthz`).then(async response => await response.text() === 'fine', () => false)
    }
    void ask()
    await until(() => up)
  }
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  t.teardown(async () => {
    await kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  })
  await start()
  return { url: `http://127.0.0.1:${port}`, files, kill, start }
}

t.test('what nginx answers arrives as it was: files, ranges, validators, compression', async t => {
  const { url, files } = await nginx(t)
  const bytes = randomBytes(3_000_000)
  writeFileSync(join(files, 'large.bin'), bytes)
  writeFileSync(join(files, 'page.txt'), 'line\n'.repeat(1000))
  const { request } = await gateway(t, { targets: [url] })

  const large = await request('/large.bin')
  t.equal((await digest(large.body)).sha256, sha256(bytes))

  const range = await request('/large.bin', { headers: { range: 'bytes=10-19' } })
  t.equal(range.statusCode, 206)
  t.same(Buffer.from(await range.body.arrayBuffer()), bytes.subarray(10, 20))

  const etag = String(large.headers['etag'])
  const unchanged = await request('/large.bin', { headers: { 'if-none-match': etag } })
  t.equal(unchanged.statusCode, 304)
  t.equal(await unchanged.body.text(), '')

  const head = await request('/large.bin', { method: 'HEAD' })
  t.equal(head.headers['content-length'], '3000000')
  await head.body.dump()

  const packed = await request('/page.txt', { headers: { 'accept-encoding': 'gzip' } })
  t.equal(packed.headers['content-encoding'], 'gzip')
  t.equal(packed.headers['vary'], 'Accept-Encoding')
  const { gunzipSync } = await import('node:zlib')
  t.equal(gunzipSync(Buffer.from(await packed.body.arrayBuffer())).toString(), 'line\n'.repeat(1000))

  const refused = await request('/page.txt', { method: 'POST', body: 'x' })
  t.equal(refused.statusCode, 405)
  await refused.body.dump()
})

t.test('killing and restarting one of two nginx loses no GET, with their idle connections closing all the time', async t => {
  const [a, b] = [await nginx(t), await nginx(t)]
  for (const { files } of [a, b]) writeFileSync(join(files, 'x.txt'), 'hello')
  const { request, app } = await gateway(t, { name: 'files', targets: [a.url, b.url], health: { path: '/healthz', interval: 100 } })
  let failures = 0
  const over = new AbortController()
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const { statusCode, body } = await request('/x.txt')
      if (statusCode !== 200 || await body.text() !== 'hello') failures++
    }
  }
  const clients = Array.from({ length: 8 }, client)
  const health = (): string[] => app.upstreams['files']?.targets.map(target => target.health) ?? []
  await a.kill('SIGKILL')
  await until(() => health()[0] === 'down')
  await a.start()
  await until(() => health()[0] === 'up')
  await b.kill('SIGTERM')
  await until(() => health()[1] === 'down')
  over.abort()
  await Promise.all(clients)
  t.equal(failures, 0)
})

t.test('503 from one nginx is answered by the other', async t => {
  const [a, b] = [await nginx(t), await nginx(t)]
  writeFileSync(join(b.files, 'ok.txt'), 'ok')
  const { request } = await gateway(t, { targets: [`${a.url}/busy`, `${b.url}/ok.txt`], prefix: '/file' })
  for (let i = 0; i < 10; i++) {
    const { statusCode, body } = await request('/file')
    t.equal(statusCode, 200)
    await body.dump()
  }
})
