import t, { type Test } from 'tap'
import { connections } from '../health/kit.js'
import { gateway, REFUSING, until, upstream } from '../kit/index.js'
import { rawClient, type RawClient } from '../kit/raw.js'

/** An upload that sends a byte now and then, for as long as it is let. */
async function trickling (t: Test, port: number): Promise<RawClient> {
  const client = await rawClient(t, port)
  await client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegin')
  const timer = setInterval(() => { void client.send('x') }, 20)
  t.teardown(() => { clearInterval(timer) })
  return client
}

const early = async (t: Test): Promise<string> => (await upstream(t, (_request, response) => { response.writeHead(413).end('no') })).url

const TARGETS: Record<string, { readonly url: (t: Test) => Promise<string>, readonly status: number }> = {
  'answered early': { url: early, status: 413 },
  'of which nothing was sent': { url: async () => REFUSING, status: 502 }
}

for (const [what, { url, status }] of Object.entries(TARGETS)) {
  t.test(`the rest of an upload ${what} is cut off after timeouts.idle`, async t => {
    const { port } = await gateway(t, { targets: [await url(t)], timeouts: { idle: 300 } })
    const client = await trickling(t, port)
    t.equal((await client.response('POST'))?.status, status)
    const begun = performance.now()
    await client.ended()
    t.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`)
  })

  t.test(`the rest of an upload ${what} does not hold app.close() beyond the grace`, async t => {
    const { app, port } = await gateway(t, { targets: [await url(t)], timeouts: { idle: 60_000, grace: 300 } }, { forceCloseConnections: 'idle' } as never)
    const client = await trickling(t, port)
    t.equal((await client.response('POST'))?.status, status)
    const begun = performance.now()
    await app.close()
    t.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`)
    await until(() => client.ending !== undefined)
    t.equal(await connections(app.server), 0)
  })
}
