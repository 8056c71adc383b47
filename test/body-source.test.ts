import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { requestBody, type RequestBody } from '../lib/body.js'
import { opened, read } from './kit/body.js'

const LIMIT = 64 * 1024
const KIB = Buffer.alloc(1024, 'x')

/** Lets every event that is due come. */
async function settled (): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(resolve => { setImmediate(resolve) })
}

/** A body of which nobody has read anything, with what it tells of failures. */
function body (source: unknown): { body: RequestBody, failures: Error[] } {
  const failures: Error[] = []
  return { body: requestBody(source, LIMIT, error => { failures.push(error) }), failures }
}

t.test('the failure of a stream reaches the attempt that reads it, and is told', async t => {
  const source = new PassThrough()
  const { body: subject, failures } = body(source)
  const reader = opened(subject)
  source.write('some')
  reader.resume()
  await once(reader, 'data')
  const error = new Error('disk failed')
  source.destroy(error)
  const [seen] = await once(reader, 'error')
  t.equal(seen, error)
  t.strictSame(failures, [error])
})

t.test('the failure of a stream that nobody reads is told, and is no uncaught error', async t => {
  const error = new Error('disk failed')
  for (const open of [false, true]) {
    const source = new PassThrough()
    const { body: subject, failures } = body(source)
    if (open) opened(subject)
    source.destroy(error)
    await settled()
    t.strictSame(failures, [error])
    subject.release()
  }
})

t.test('the failure of a stream between two attempts reaches the second one', async t => {
  const source = new PassThrough()
  const { body: subject } = body(source)
  const first = opened(subject)
  source.write('some')
  first.resume()
  await once(first, 'data')
  first.destroy()
  const error = new Error('disk failed')
  source.destroy(error)
  await settled()
  await t.rejects(read(opened(subject)), error)
})

t.test('the failure of a stream after the exchange is over is no uncaught error', async t => {
  const source = new PassThrough()
  const { body: subject } = body(source)
  opened(subject).resume()
  await settled()
  subject.release()
  source.destroy(new Error('late'))
  await settled()
  t.equal(source.destroyed, true)
})

t.test('a stream that is closed before its end is a failure, not a short body', async t => {
  const source = new PassThrough()
  const { body: subject, failures } = body(source)
  const reader = opened(subject)
  source.write('half')
  reader.resume()
  await once(reader, 'data')
  source.destroy()
  const [error] = await once(reader, 'error') as [Error]
  t.equal(error.message, 'the request body ended early')
  t.strictSame(failures, [error])
})

t.test('a stream that was closed before anyone asked is a failure as well', async t => {
  const source = new PassThrough()
  source.write('half')
  source.destroy()
  await once(source, 'close')
  const { body: subject, failures } = body(source)
  await t.rejects(read(opened(subject)), { message: 'the request body ended early' })
  t.equal(failures.length, 1)
})

t.test('a stream that had ended before anyone asked is an empty body', async t => {
  const source = Readable.from([Buffer.from('gone')])
  await read(source)
  const { body: subject, failures } = body(source)
  t.equal(await read(opened(subject)), '')
  t.equal(failures.length, 0)
})

t.test('an attempt that fails does not end the stream', async t => {
  const source = new PassThrough()
  const { body: subject, failures } = body(source)
  const first = opened(subject)
  source.write('some')
  first.resume()
  await once(first, 'data')
  first.destroy(new Error('reset'))
  await settled()
  t.equal(source.destroyed, false)
  t.equal(failures.length, 0)
})

t.test('no more is taken from a stream than the attempt has room for', async t => {
  let taken = 0
  const source = new Readable({ highWaterMark: 1024, read () { this.push(taken++ < 1000 ? KIB : null) } })
  const { body: subject } = body(source)
  const reader = opened(subject)
  reader.read(0)
  await settled()
  const filled = taken
  t.ok(filled > 0 && filled <= 70, `${filled} KiB taken by an attempt that sends none of it`)
  await settled()
  t.equal(taken, filled, 'and nothing more while it is full')
  t.equal(source.isPaused(), true)
  t.equal((await read(reader)).length, 1000 * 1024, 'the rest comes as it is read')
})

t.test('nothing is taken from a stream between two attempts', async t => {
  let taken = 0
  const source = new Readable({ highWaterMark: 1024, read () { this.push(taken++ < 1000 ? KIB : null) } })
  const { body: subject } = body(source)
  const first = opened(subject)
  first.resume()
  await once(first, 'data')
  first.destroy()
  await settled()
  const before = taken
  opened(subject)
  await settled()
  t.equal(taken, before)
})

t.test('what is left of a stream is let go of once the exchange is over', async t => {
  const source = new PassThrough({ highWaterMark: 1024 })
  const { body: subject } = body(source)
  const reader = opened(subject)
  source.write(KIB)
  reader.resume()
  await once(reader, 'data')
  reader.destroy()
  subject.release()
  // Far more than its buffers hold: it only ends if somebody takes it.
  for (let i = 0; i < 200; i++) source.write(KIB)
  source.end()
  await once(source, 'end')
  t.equal(source.readableEnded, true)
})

t.test('a stream that was never read is not touched at the end of the exchange', async t => {
  const source = new PassThrough()
  const { body: subject } = body(source)
  opened(subject)
  subject.release()
  source.end('whole')
  await settled()
  t.equal(await read(source), 'whole')
})

t.test('letting go of a stream that has ended, failed or closed is harmless', async t => {
  const ended = body(Readable.from(['x'])).body
  await read(opened(ended))
  const destroyed = new PassThrough()
  destroyed.destroy()
  for (const subject of [ended, body(destroyed).body]) {
    t.doesNotThrow(() => {
      subject.release()
      subject.release()
    })
  }
})

t.test('a generator and a web stream are streamed, and sent again, as any stream is', async t => {
  async function * generator (): AsyncGenerator<string> {
    yield 'one '
    yield 'two'
  }
  const web = new Blob(['one two']).stream()
  for (const given of [generator(), web]) {
    const { body: subject } = body(given)
    t.equal(await read(opened(subject)), 'one two')
    t.equal(subject.replayable, true)
    t.equal(await read(opened(subject)), 'one two')
    subject.release()
  }
})

t.test('a generator is ended with the exchange, even if nobody wants the rest of it', async t => {
  let ended = false
  async function * endless (): AsyncGenerator<Buffer> {
    try {
      for (;;) yield KIB
    } finally {
      ended = true
    }
  }
  const { body: subject, failures } = body(endless())
  const reader = opened(subject)
  reader.resume()
  await once(reader, 'data')
  reader.destroy()
  subject.release()
  await settled()
  t.equal(ended, true)
  t.equal(failures.length, 0)
})

t.test('the failure of a generator is told', async t => {
  const error = new Error('query failed')
  async function * failing (): AsyncGenerator<string> {
    yield 'one'
    throw error
  }
  const { body: subject, failures } = body(failing())
  await t.rejects(read(opened(subject)), error)
  t.strictSame(failures, [error])
})
