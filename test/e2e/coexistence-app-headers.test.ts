import cors from '@fastify/cors'
import t, { type Test } from 'tap'
import { gateway, upstream, type Gateway } from '../kit/index.js'

async function listening (t: Test, headers: Record<string, string | string[]>, before?: Parameters<typeof gateway>[2]): Promise<Gateway> {
  const { url } = await upstream(t, (_request, response) => {
    response.writeHead(200, headers)
    response.end('x')
  })
  return await gateway(t, { targets: [url] }, before)
}

const withCors = { before: async (app: Gateway['app']) => { await app.register(cors, { origin: ['https://page.test', 'https://other.test'], credentials: true }) } }

t.test("the app's CORS headers stand against the upstream's, and there is one of each", async t => {
  const { request } = await listening(t, {
    'access-control-allow-origin': '*', 'Access-Control-Expose-Headers': 'x-secret', 'access-control-max-age': '9', 'x-else': 'kept'
  }, withCors)
  const { headers, body } = await request('/', { headers: { origin: 'https://page.test' } })
  await body.dump()
  t.match(headers, { 'access-control-allow-origin': 'https://page.test', 'access-control-allow-credentials': 'true', 'x-else': 'kept' })
  t.equal(headers['access-control-expose-headers'], undefined)
  t.equal(headers['access-control-max-age'], undefined)
})

t.test("without CORS of the app's own the upstream's is passed on", async t => {
  const { request } = await listening(t, { 'access-control-allow-origin': '*', vary: 'Origin' })
  const { headers, body } = await request('/')
  await body.dump()
  t.match(headers, { 'access-control-allow-origin': '*', vary: 'Origin' })
})

t.test('Vary lists what the app and what the upstream said, each once', async t => {
  const table: Array<[Record<string, string | string[]>, string]> = [
    [{ vary: 'Accept, origin' }, 'origin, Accept'], [{ vary: ['Accept', 'Cookie'] }, 'Origin, Accept, Cookie'], [{}, 'Origin']
  ]
  for (const [sent, expected] of table) {
    const { request } = await listening(t, sent, withCors)
    const { headers, body } = await request('/', { headers: { origin: 'https://page.test' } })
    await body.dump()
    t.equal(headers['vary'], expected)
  }
})
