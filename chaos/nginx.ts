import { join } from 'node:path'
import type { Configuration } from './configuration.js'

interface NginxOptions {
  /** Where it puts everything: its log, its pid, and what it buffers. */
  readonly directory: string
  readonly workers: number | 'auto'
  readonly connections: number
  /** Directives of the main context. Default: none. */
  readonly main?: string
  /** Directives of the http context. */
  readonly http: string
}

/** An nginx in the foreground that keeps to one directory and writes no access log. */
export function nginxIn ({ directory, workers, connections, main = '', http }: NginxOptions): Configuration {
  return {
    file: 'nginx.conf',
    args: ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')],
    text: `
daemon off;
${main}
worker_processes ${workers};
pid nginx.pid;
error_log error.log crit;
events { worker_connections ${connections}; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
${http}
}
`
  }
}
