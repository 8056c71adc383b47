import { createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { until } from '../kit/index.js'
import { listening } from '../kit/listening.js'
import { BAD, ejecting, REFUSED, WELL, type Ejecting } from './ejecting.js'
import { aTarget } from './kit.js'

/** Two targets, of which nobody listens at the first yet. */
async function scene (t: Test, reconnect: number): Promise<Ejecting & { readonly listen: () => Promise<Server> }> {
  const placeholder = createServer()
  const port = await listening(t, placeholder)
  await new Promise(resolve => { placeholder.close(resolve) })
  const it = ejecting(2, { reconnect })
  it.targets[0] = aTarget(it.clock, `http://127.0.0.1:${port}`, 0)
  return {
    ...it,
    listen: async () => {
      const server = createServer()
      await listening(t, server, port)
      return server
    }
  }
}

/** Lets `ms` pass, and what was begun on the network come to its end. */
async function pass ({ clock }: Ejecting, ms: number): Promise<void> {
  await clock.advance(ms)
  await until(() => clock.pending <= 1)
  for (let i = 0; i < 20; i++) await new Promise(resolve => { setImmediate(resolve) })
}

t.test('a target that nobody could connect to is on trial when somebody can, and not before', async t => {
  const it = await scene(t, 500)
  it.record(0, REFUSED, 2)
  // Often enough for the warning of a leak of listeners, which fails the test.
  for (let i = 0; i < 15; i++) await pass(it, 600)
  t.equal(it.at(0).health, 'down', 'although the time of an ejection has passed twice')
  await it.listen()
  await it.clock.advance(600)
  await until(() => it.at(0).health === 'trial')
  t.match(it.changes.at(-1), /it can be connected to again/)
  it.record(0, WELL)
  t.equal(it.at(0).health, 'up')
  t.equal(it.clock.pending, 0)
})

t.test('one that was ejected for its answers is left to time', async t => {
  const it = await scene(t, 500)
  await it.listen()
  it.record(0, BAD, 2)
  await pass(it, 999)
  t.equal(it.at(0).health, 'down')
  await it.clock.advance(1)
  t.equal(it.at(0).health, 'trial')
})

t.test('with reconnect 0 the ejection ends by time', async t => {
  const it = await scene(t, 0)
  it.record(0, REFUSED, 2)
  await it.clock.advance(1000)
  t.equal(it.at(0).health, 'trial')
})

t.test('a pardon, a departure and the end of the pool stop the tries', async t => {
  for (const end of [
    (it: Ejecting) => { it.ejector.pardon(it.at(0)) },
    (it: Ejecting) => { it.ejector.forget(it.at(0)) },
    (it: Ejecting) => { it.ejector.stop() }
  ]) {
    const it = await scene(t, 500)
    let connections = 0
    const server = await it.listen()
    server.on('connection', () => { connections++ })
    it.record(0, REFUSED, 2)
    t.equal(it.clock.pending, 1)
    end(it)
    t.equal(it.clock.pending, 0)
    const { health } = it.at(0)
    await it.clock.advance(10_000)
    t.equal(it.at(0).health, health)
    t.equal(connections, 0)
  }
})

t.test('a pool that ends while it connects makes no trial of it', async t => {
  const it = await scene(t, 500)
  const server = await it.listen()
  it.record(0, REFUSED, 2)
  server.on('connection', () => { it.ejector.stop() })
  await it.clock.advance(600)
  it.ejector.stop()
  for (let i = 0; i < 50; i++) await new Promise(resolve => { setImmediate(resolve) })
  t.equal(it.at(0).health, 'down')
})
