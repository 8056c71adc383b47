import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nginxIn } from '../../chaos/nginx.js'
import { startServer } from '../server.js'
import { certificate } from './certificate.js'
import { BODIES, JSON_BODY, type Upstream, type UpstreamNeeds } from './upstream.js'

export async function startNginx ({ tls }: UpstreamNeeds, prefix: readonly string[]): Promise<Upstream> {
  const { caFile, certFile, keyFile } = certificate
  const server = await startServer('nginx', prefix, async ({ port, directory }) => {
    await Promise.all(Object.entries(BODIES).map(async ([path, bytes]) => { await writeFile(join(directory, `${path}.bin`), 'x'.repeat(bytes)) }))
    await writeFile(join(directory, 'posted.bin'), JSON_BODY)
    return nginxIn({
      directory,
      workers: 1,
      connections: 8192,
      http: `
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_max_body_size 16m;
  client_body_buffer_size 2m;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16;
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''} backlog=4096;
    ${tls ? `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};` : ''}
    root ${directory};
    location / { default_type application/json; return 200 '${JSON_BODY}'; }
    ${Object.keys(BODIES).map(path => `location = ${path} { default_type application/octet-stream; try_files ${path}.bin =404; }`).join('\n    ')}
    # nginx answers before an upload has ended, unless something wants its body: here a mirror that goes nowhere.
    location = /upload { mirror /nowhere; error_page 405 =200 /posted.bin; try_files /posted.bin =404; }
    location = /posted.bin { internal; default_type application/json; }
    location = /nowhere { internal; return 204; }
  }`
    })
  })
  return { name: server.version, url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`, ...tls && { caFile }, end: server.end }
}
