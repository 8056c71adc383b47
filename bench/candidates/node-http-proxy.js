import { readFileSync } from 'node:fs'
import { Agent, createServer } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import httpProxy from 'http-proxy'

export default {
  about: 'node-http-proxy, keep-alive agent',
  packages: ['http-proxy'],
  can: ['http', 'tls', 'websocket', 'events'],

  async start ({ targets: [target], caFile }) {
    const agent = caFile === undefined ? new Agent({ keepAlive: true }) : new TlsAgent({ keepAlive: true, ca: readFileSync(caFile) })
    const proxy = httpProxy.createProxyServer({ target, agent, secure: true, changeOrigin: true, xfwd: true })
    proxy.on('error', (_error, _request, response) => {
      if ('writeHead' in response && !response.headersSent) response.writeHead(502).end()
      else response.destroy()
    })
    const server = createServer((request, response) => { proxy.web(request, response) })
    // A WebSocket has a connection of its own: an agent that keeps connections would send `Connection: keep-alive`.
    server.on('upgrade', (request, socket, head) => { proxy.ws(request, socket, head, { agent: false }) })
    await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${server.address().port}`
  }
}
