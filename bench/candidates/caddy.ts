import { join } from 'node:path'
import type { ServerCandidate } from '../candidate.js'

const candidate: ServerCandidate = {
  about: 'Caddy, one thread, keep-alive upstreams',
  command: 'caddy',
  can: ['http', 'routes', 'tls', 'websocket', 'events'],

  configure ({ targets, caFile, routes = 0, port, directory }) {
    const tls = caFile === undefined ? '' : `tls_trusted_ca_certs ${caFile}\n      tls_server_name localhost`
    const proxy = `reverse_proxy ${targets.join(' ')} {
    transport http {
      keepalive_idle_conns_per_host 128
      ${tls}
    }
  }`
    return {
      file: 'Caddyfile',
      args: ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'],
      text: `
{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://127.0.0.1:${port} {
  ${routes === 0 ? proxy : Array.from({ length: routes }, (_, i) => `handle_path /r${i}/* {\n  ${proxy}\n  }`).join('\n  ')}
}
`
    }
  }
}

export default candidate
