/** The other gateways as one finds them: with passive checks, and with the retries that their manuals recommend. */
import { join } from 'node:path'
import type { Configuration } from './configuration.js'
import type { GatewayConfig } from './gateway.js'
import { nginxIn } from './nginx.js'

export interface OtherConfig extends GatewayConfig {
  readonly port: number
  /** Where files may be put. */
  readonly directory: string
}

/** The plugin's own defaults, ms. */
const CONNECT = 2000
const HEADERS = 30_000

const hosts = ({ targets }: OtherConfig): string[] => targets.map(target => new URL(target).host)
const connectTimeout = ({ pool }: OtherConfig): number => pool?.timeouts?.connect ?? CONNECT
const headersTimeout = ({ pool }: OtherConfig): number => pool?.timeouts?.headers ?? HEADERS

function nginx (config: OtherConfig): Configuration {
  const { port, directory } = config
  return nginxIn({
    directory,
    workers: 'auto',
    connections: 4096,
    http: `
  upstream pool {
${hosts(config).map(host => `    server ${host};`).join('\n')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://pool;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream error timeout http_502 http_503;
      proxy_connect_timeout ${connectTimeout(config)}ms;
      proxy_read_timeout ${headersTimeout(config)}ms;
    }
  }`
  })
}

function haproxy (config: OtherConfig): Configuration {
  const { port, directory } = config
  return {
    file: 'haproxy.cfg',
    args: ['-db', '-q', '-f', join(directory, 'haproxy.cfg')],
    text: `
global
  maxconn 4000
defaults
  mode http
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout 502 503
  timeout connect ${connectTimeout(config)}ms
  timeout server ${headersTimeout(config)}ms
  timeout client 60s
frontend entry
  bind 127.0.0.1:${port}
  http-request disable-l7-retry if METH_POST
  default_backend pool
backend pool
  balance roundrobin
  default-server check inter 1s fall 3 rise 2 observe layer7 error-limit 5 on-error mark-down
${hosts(config).map((host, i) => `  server target-${i} ${host}`).join('\n')}
`
  }
}

function caddy (config: OtherConfig): Configuration {
  const { port, directory } = config
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
  reverse_proxy ${hosts(config).join(' ')} {
    lb_policy round_robin
    lb_try_duration 5s
    fail_duration 5s
    max_fails 5
    unhealthy_status 502 503
    transport http {
      dial_timeout ${connectTimeout(config)}ms
      response_header_timeout ${headersTimeout(config)}ms
    }
  }
}
`
  }
}

export const configurations = { nginx, haproxy, caddy }
export type OtherKind = keyof typeof configurations
