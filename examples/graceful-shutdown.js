// On SIGTERM the gateway is no longer ready, finishes what is under way, answers who is just sending, and exits with 0.
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import Fastify from 'fastify'
import balancer, { isClosing, readinessHandler, shutdown } from 'fastify-balancer'

let finish
const upstream = Fastify()
  .get('/slow', async () => await new Promise(resolve => { finish = () => resolve('slow') }))
  .get('/*', async () => 'quick')
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
await app.register(balancer, { prefix: '/api', targets: [target] })
app.get('/ready', readinessHandler({ closing: () => isClosing(app) }))
shutdown(app, { delay: 200 })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const agent = new Agent({ keepAlive: true })
async function ask (path) {
  const [response] = await once(get(url + path, { agent }), 'response')
  const body = (await response.setEncoding('utf8').toArray()).join('')
  return `${path} ${response.statusCode} ${path === '/ready' ? '' : `${body}, `}connection: ${response.headers.connection}`
}

process.on('exit', code => console.log('exit code', code))
console.log(await ask('/ready'))
const slow = ask('/api/slow')
console.log(await ask('/api/quick'))

process.kill(process.pid, 'SIGTERM')
await once(process, 'SIGTERM')
console.log('SIGTERM')
console.log(await ask('/ready'))
console.log(await ask('/api/quick'))
finish()
console.log(await slow)
