/** Clients of an echo, in a process of their own: `websocket-program.js <URL> <plan as JSON>`. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { percentiles } from './percentiles.js'
import { serve } from './serve.js'

const [url, plan] = process.argv.slice(2)
const { path, bytes, connections } = JSON.parse(plan)

const message = Buffer.alloc(bytes, 'x')
const times = []
const errors = new Set()
let over = false

const sockets = await Promise.all(Array.from({ length: connections }, async () => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}))

function converse (socket) {
  let sent = 0
  const send = () => {
    sent = performance.now()
    socket.send(message)
  }
  socket.on('message', data => {
    if (over) return
    times.push(performance.now() - sent)
    if (data.length !== bytes) errors.add(`an echo of ${data.length} bytes`)
    send()
  })
  socket.on('error', error => { errors.add(error.message) })
  socket.on('close', code => { errors.add(`closed with ${code}`) })
  send()
}

serve(async seconds => {
  const start = performance.now()
  for (const socket of sockets) converse(socket)
  await sleep(seconds * 1000)
  over = true
  if (times.length === 0) errors.add('nothing came back')
  return { count: times.length, perSecond: times.length * 1000 / (performance.now() - start), ...percentiles(times), errors: [...errors] }
})
