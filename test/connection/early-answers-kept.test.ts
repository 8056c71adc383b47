import t from 'tap'
import { gateway, rawUpstream, until } from '../kit/index.js'
import { afterEnough, answer, upload } from './kit.js'

const UNAUTHORIZED = answer('401 Unauthorized', 'who are you')
const EARLY = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nalready\r\n0\r\n\r\n'

for (const [text, body] of [[UNAUTHORIZED, 'who are you'], [EARLY, '0\r\n\r\n']] as const) {
  for (const chunked of [false, true]) {
    t.test(`an upstream that answers early with ${text.slice(9, 12)}, keeps the connection and reads on serves every upload ${chunked ? 'in chunks' : 'with a length'}`, async t => {
      const url = await rawUpstream(t, afterEnough(socket => {
        socket.write(text)
        socket.resume()
      }))
      const gate = await gateway(t, { name: 'pool', targets: [url] })
      for (let run = 0; run < 50; run++) {
        const got = await upload(gate, body, { chunked, bytes: run % 2 === 0 ? 30_000 : 600_000 })
        if (got.status !== Number(text.slice(9, 12))) t.fail(got.text)
      }
      t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 50, faults: 0 } })
    })

    t.test(`an upload ${chunked ? 'in chunks' : 'with a length'} that stalls after a ${text.slice(9, 12)} gets its answer, and leaves no connection that stalls`, async t => {
      const url = await rawUpstream(t, afterEnough(socket => { socket.write(text) }))
      const gate = await gateway(t, { name: 'pool', targets: [url] })
      for (let run = 0; run < 2; run++) {
        const got = await upload(gate, body, { chunked, bytes: 20_000_000 })
        if (got.status !== Number(text.slice(9, 12))) t.fail(got.text)
      }
      t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 2, faults: 0 } })
    })
  }
}

t.test('an upload of 100 MB that is refused and reset is read to its end while the client has its answer', async t => {
  const url = await rawUpstream(t, afterEnough(socket => { socket.write(answer('413 Content Too Large', 'too large'), () => { socket.resetAndDestroy() }) }))
  const gate = await gateway(t, { name: 'pool', targets: [url] })
  const got = await upload(gate, 'too large', { bytes: 100_000_000 })
  t.equal(got.status, 413)
  t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 1, faults: 0 } })
})

t.test('a body that is given in one piece and answered early does not leave its rest to the next request', async t => {
  const url = await rawUpstream(t, afterEnough(socket => { socket.write(UNAUTHORIZED) }))
  const { app } = await gateway(t, { name: 'pool', targets: [url] })
  for (let run = 0; run < 3; run++) {
    const response = await app.upstreams['pool']?.request({ method: 'POST', path: '/', body: Buffer.alloc(20_000_000, 'x') })
    t.equal(await response?.body.text(), 'who are you')
  }
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 3, faults: 0 } })
})

for (const [how, end] of [['resets', 'resetAndDestroy'], ['closes', 'destroy']] as const) {
  t.test(`an upstream that ${how} the connection without an answer is a fault, and known for it at once`, async t => {
    const url = await rawUpstream(t, afterEnough(socket => { socket[end]() }))
    const gate = await gateway(t, { name: 'pool', targets: [url] })
    const begun = performance.now()
    for (let run = 0; run < 50; run++) {
      const got = await upload(gate, '}', { chunked: run % 2 === 0, bytes: 300_000 })
      t.equal(got.status, 502)
    }
    t.ok(performance.now() - begun < 15_000, 'no upload waits for the answer that does not come')
    await until(() => gate.app.upstreams['pool']?.targets[0]?.inFlight === 0)
    t.match(gate.app.upstreams['pool']?.targets[0], { counters: { failed: 50, faults: 50 } })
  })
}
