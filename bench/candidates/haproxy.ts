import { join } from 'node:path'
import type { ServerCandidate } from '../candidate.js'

const candidate: ServerCandidate = {
  about: 'HAProxy, one thread, keep-alive servers',
  command: 'haproxy',
  can: ['http', 'tls', 'websocket', 'events'],

  configure ({ targets, caFile, port, directory }) {
    const tls = caFile === undefined ? '' : ` ssl verify required ca-file ${caFile} sni str(localhost) verifyhost localhost`
    return {
      file: 'haproxy.cfg',
      args: ['-db', '-q', '-f', join(directory, 'haproxy.cfg')],
      text: `
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend entry
  bind 127.0.0.1:${port} backlog 4096
  default_backend pool
backend pool
  balance roundrobin
${targets.map((target, i) => `  server target-${i} ${new URL(target).host}${tls}`).join('\n')}
`
    }
  }
}

export default candidate
