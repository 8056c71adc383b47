import { nginxIn } from '../../chaos/nginx.js'
import type { ServerCandidate } from '../candidate.js'

const candidate: ServerCandidate = {
  about: 'nginx, one worker, keep-alive upstreams',
  command: 'nginx',
  can: ['http', 'routes', 'tls', 'websocket', 'events'],

  configure ({ targets, caFile, routes = 0, port, directory }) {
    const tls = caFile !== undefined
    const pass = (path: string): string => `proxy_pass ${tls ? 'https' : 'http'}://pool${path};`
    return nginxIn({
      directory,
      workers: 1,
      connections: 8192,
      // One process, whose time can be read from its start.
      main: 'master_process off;',
      http: `
  keepalive_requests 1000000000;
  client_max_body_size 16m;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream pool {
${targets.map(target => `    server ${new URL(target).host};`).join('\n')}
    keepalive 128;
    keepalive_requests 1000000000;
  }
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host;
  # As the others do it: what comes is passed on.
  proxy_request_buffering off;
  ${tls ? `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${caFile}; proxy_ssl_name localhost;` : ''}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${routes === 0 ? `location / { ${pass('')} }` : ''}
    # Events are passed on as they come.
    location = /events { proxy_buffering off; ${pass('')} }
${Array.from({ length: routes }, (_, i) => `    location /r${i}/ { ${pass('/')} }`).join('\n')}
  }`
    })
  }
}

export default candidate
