// A target that can not be reached has seen nothing of the request, so even a streamed POST goes to the next one whole.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const gone = Fastify()
const nobodyThere = await gone.listen({ port: 0, host: '127.0.0.1' })
await gone.close()
const upstream = createServer(async (request, response) => {
  const hash = createHash('sha256')
  await pipeline(request, hash)
  response.end(hash.digest('hex'))
})
await new Promise(resolve => { upstream.listen(0, '127.0.0.1', resolve) })

const app = Fastify()
app.addHook('onResponse', async ({ attempts }) => {
  console.log(attempts.map(({ outcome, status, error }) => `${outcome}: ${status ?? error.code}`).join(', then '))
})
await app.register(balancer, {
  prefix: '/files',
  targets: [nobodyThere, `http://127.0.0.1:${upstream.address().port}`],
  policy: 'first'
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const file = Buffer.alloc(5 * 1024 * 1024, 'All of it arrives. ')
const body = Readable.toWeb(Readable.from([file.subarray(0, 70_000), file.subarray(70_000)]))
const response = await fetch(`${url}/files`, { method: 'POST', body, duplex: 'half' })
console.log(await response.text() === createHash('sha256').update(file).digest('hex') ? 'the file is whole' : 'the file is damaged')

await app.close()
upstream.close()
