import t from 'tap'
import { connector } from '../../lib/connector.js'
import { VirtualClock } from '../kit/clock.js'
import { rawUpstream, until } from '../kit/index.js'

/** Asks for one connection and tells what came of it. */
async function connected (connect: ReturnType<typeof connector>, url: string): Promise<string> {
  const { protocol, hostname, host, port } = new URL(url)
  return await new Promise(resolve => {
    connect({ protocol, hostname, host, port }, (error, socket) => {
      socket?.destroy()
      resolve(error === null ? 'connected' : error.message)
    })
  })
}

for (const timeout of [0, 1000]) {
  t.test(`a signal that was aborted before lets no connection be made (timeout ${timeout})`, async t => {
    const clock = new VirtualClock()
    let accepted = 0
    const url = await rawUpstream(t, () => { accepted++ })
    t.equal(await connected(connector(clock, timeout, {}, AbortSignal.abort(new Error('stopped'))), url), 'stopped')
    t.equal(await connected(connector(clock, timeout, {}, new AbortController().signal), url), 'connected')
    await until(() => accepted > 0)
    t.equal(accepted, 1)
    t.equal(clock.pending, 0)
  })

  t.test(`a signal that is aborted during a handshake closes its connection (timeout ${timeout})`, async t => {
    const clock = new VirtualClock()
    const controller = new AbortController()
    let open = 0
    const url = await rawUpstream(t, socket => {
      open++
      socket.on('close', () => { open-- }).resume()
    })
    const outcome = connected(connector(clock, timeout, {}, controller.signal), url.replace('http:', 'https:'))
    await until(() => open === 1)
    controller.abort()
    t.match(await outcome, /abort/i)
    await until(() => open === 0)
    t.equal(clock.pending, 0)
  })
}
