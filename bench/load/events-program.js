/** Listeners to events, in a process of their own: `events-program.js <URL> <plan as JSON>`. */
import { once } from 'node:events'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentiles } from './percentiles.js'
import { serve } from './serve.js'

const [url, plan] = process.argv.slice(2)
const { path, connections } = JSON.parse(plan)

const times = []
const errors = new Set()
let counted = false

function listen (response) {
  let rest = ''
  response.setEncoding('latin1')
  response.on('data', text => {
    const now = performance.timeOrigin + performance.now()
    const events = `${rest}${text}`.split('\n\n')
    rest = events.pop()
    if (!counted) return
    for (const event of events) times.push(now - Number(event.slice('data: '.length).split(' ')[0]))
  })
  response.on('error', error => { errors.add(error.message) })
  response.on('end', () => { errors.add('a stream has ended') })
}

await Promise.all(Array.from({ length: connections }, async () => {
  const [response] = await once(get(`${url}${path}`, { agent: false, headers: { accept: 'text/event-stream' } }), 'response')
  if (response.statusCode !== 200) errors.add(`status ${response.statusCode}`)
  listen(response)
}))

serve(async seconds => {
  const start = performance.now()
  counted = true
  await sleep(seconds * 1000)
  counted = false
  if (times.length === 0) errors.add('no event came')
  return { count: times.length, perSecond: times.length * 1000 / (performance.now() - start), ...percentiles(times), errors: [...errors] }
})
