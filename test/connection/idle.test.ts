import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { gateway, rawUpstream, until, type Gateway } from '../kit/index.js'
import { answer } from './kit.js'

const FORGED = answer('200 OK', 'forged')

/** What an upstream sends on a connection that carries no request. */
const UNASKED: Record<string, string> = {
  'a whole response': FORGED,
  'two responses': FORGED + FORGED,
  'a part of a response': FORGED.slice(0, 30),
  'the beginning of a version': 'HTTP/1.',
  'a 100': 'HTTP/1.1 100 Continue\r\n\r\n',
  'a part of a 100': 'HTTP/1.1 1',
  'a 103': 'HTTP/1.1 103 Early Hints\r\n\r\n',
  'a 100 and a response': `HTTP/1.1 100 Continue\r\n\r\n${FORGED}`,
  junk: '\x16\x03\x01 not HTTP'
}

const RUNS = 20

/** A gateway whose upstream answers with the path that it was asked for, by `send`. */
async function poisoned (t: Test, send: (socket: Socket, own: string) => void): Promise<Gateway> {
  const url = await rawUpstream(t, socket => {
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      const path = /^[A-Z]+ (\S+)/.exec(chunk.toString('latin1'))?.[1]
      if (path !== undefined) send(socket, answer('200 OK', path))
    })
  })
  return await gateway(t, { name: 'pool', targets: [url], retries: 0 })
}

async function asks ({ request }: Gateway, t: Test, i: number): Promise<void> {
  const response = await request(`/${i}`, i % 2 === 0 ? {} : { method: 'POST', body: 'x' })
  const body = await response.body.text()
  if (response.statusCode !== 200 || body !== `/${i}`) t.equal(`${response.statusCode} ${body}`, `200 /${i}`)
}

for (const [what, unasked] of Object.entries(UNASKED)) {
  t.test(`${what} in the packet of an answer reaches nobody and hurts nobody`, async t => {
    const gate = await poisoned(t, (socket, own) => { socket.write(own + unasked, 'latin1') })
    for (let i = 0; i < RUNS; i++) await asks(gate, t, i)
    t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: RUNS, faults: 0 } })
  })

  t.test(`${what} on an idle connection ends it, and the next request is served`, async t => {
    let sent = 0
    let closed = 0
    const gate = await poisoned(t, (socket, own) => {
      socket.on('close', () => { closed++ })
      socket.write(own, () => { setTimeout(() => { socket.write(unasked, 'latin1', () => { sent++ }) }, 3) })
    })
    for (let i = 0; i < RUNS; i++) {
      await asks(gate, t, i)
      // What is in the system's buffers now may have been read or not.
      await until(() => sent === i + 1)
    }
    await until(() => closed === RUNS)
    t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: RUNS, faults: 0 } })
  })
}

for (const [how, end] of [['reset', 'resetAndDestroy'], ['closed', 'end']] as const) {
  t.test(`a connection that was ${how} while it was idle costs no request`, async t => {
    let ended = 0
    const gate = await poisoned(t, (socket, own) => {
      socket.write(own, () => {
        setTimeout(() => {
          socket[end]()
          ended++
        }, 3)
      })
    })
    for (let i = 0; i < RUNS; i++) {
      await asks(gate, t, i)
      await until(() => ended === i + 1)
    }
    t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: RUNS, faults: 0 } })
  })
}
