import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import t, { type Test } from 'tap'
import { gateway, type RunningGateway } from '../../lib/gateway/index.js'
import { until, upstream } from '../kit/index.js'

/** A gateway with limits, and what its target has had of bodies. */
async function limited (t: Test): Promise<{ readonly running: RunningGateway, readonly got: Array<{ bytes: number, whole: boolean }> }> {
  const got: Array<{ bytes: number, whole: boolean }> = []
  const { url } = await upstream(t, (request, response) => {
    const body = { bytes: 0, whole: false }
    got.push(body)
    request.on('data', (chunk: Buffer) => { body.bytes += chunk.length })
    request.on('end', () => {
      body.whole = true
      response.end(String(body.bytes))
    })
  })
  const running = await gateway({
    log: { level: 'silent' },
    listen: { host: '127.0.0.1', port: 0, bodyLimit: 1000 },
    pools: { users: { targets: [url] } },
    routes: [{ prefix: '/small', pool: 'users' }, { prefix: '/large', pool: 'users', bodyLimit: 200_000 }]
  })
  t.teardown(async () => { await running.stop() })
  return { running, got }
}

/** Sends bytes, with a length or in chunks. */
async function send (url: string, bytes: number, chunked: boolean, headers: Record<string, string> = {}): Promise<{ status: number | undefined, text: string }> {
  const request = httpRequest(url, { method: 'POST', headers: { ...headers, ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes }) } })
  request.on('error', () => {})
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  for (let left = bytes; left > 0; left -= 500) request.write(Buffer.alloc(Math.min(500, left), 'x'))
  request.end()
  const [response] = await answered
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return { status: response.statusCode, text }
}

t.test('a body that is too long is a 413, whether it says so or not; one that is not goes on', async t => {
  const { running, got } = await limited(t)
  for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-type': 'x/y' }] as Array<Record<string, string>>) {
    for (const chunked of [false, true]) {
      t.same(await send(`${running.address}/small`, 1000, chunked, headers), { status: 200, text: '1000' })
      t.match(await send(`${running.address}/small`, 1001, chunked, headers), { status: 413, text: /"code":"FST_ERR_CTP_BODY_TOO_LARGE"/ })
      t.same(await send(`${running.address}/large`, 200_000, chunked, headers), { status: 200, text: '200000' })
      t.match(await send(`${running.address}/large`, 200_001, chunked, headers), { status: 413 })
    }
  }
  t.ok(got.every(({ whole, bytes }) => !whole || bytes <= 200_000), 'no target takes a part for the whole')
  await until(() => running.upstreams['users']?.load.inFlight === 0)
  t.equal((await fetch(`${running.address}/small`)).status, 200, 'what has no body passes')
})

t.test('who waits for 100 Continue is refused without it, when the length is known', async t => {
  const { running, got } = await limited(t)
  const request = httpRequest(`${running.address}/small`, { method: 'POST', headers: { expect: '100-continue', 'content-length': 1001 } })
  request.on('continue', () => { t.fail('asked for a body that it does not want') })
  request.flushHeaders()
  const [response] = await once(request, 'response') as [IncomingMessage]
  t.equal(response.statusCode, 413)
  t.equal(got.length, 0)
  request.destroy()
})

t.test('clients that leave in the middle leave nothing behind', async t => {
  const { running } = await limited(t)
  for (let i = 0; i < 50; i++) {
    const request = httpRequest(`${running.address}/large`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    request.on('error', () => {})
    request.write(Buffer.alloc(100))
    await once(request, 'socket')
    setImmediate(() => { request.destroy() })
  }
  await new Promise(resolve => { setTimeout(resolve, 100) })
  await until(() => running.upstreams['users']?.load.inFlight === 0)
  t.same(await send(`${running.address}/large`, 10, true), { status: 200, text: '10' })
})
