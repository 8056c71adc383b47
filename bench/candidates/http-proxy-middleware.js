import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

export default {
  about: 'http-proxy-middleware on express, keep-alive agent',
  packages: ['http-proxy-middleware', 'express'],
  can: ['http', 'routes', 'tls', 'events'],

  async start ({ targets: [target], caFile, routes = 0 }) {
    const agent = caFile === undefined ? new Agent({ keepAlive: true }) : new TlsAgent({ keepAlive: true, ca: readFileSync(caFile) })
    const options = { target, agent, secure: true, changeOrigin: true, xfwd: true }
    const app = express()
    if (routes === 0) app.use(createProxyMiddleware(options))
    for (let i = 0; i < routes; i++) app.use(`/r${i}`, createProxyMiddleware(options))
    return await new Promise(resolve => {
      const server = app.listen(0, '127.0.0.1', () => { resolve(`http://127.0.0.1:${server.address().port}`) })
    })
  }
}
