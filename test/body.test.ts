import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { requestBody } from '../lib/body.js'
import { opened, read } from './kit/body.js'

const LIMIT = 64 * 1024

/** The next piece that a stream gives. */
async function piece (stream: Readable): Promise<string> {
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk !== null) return chunk.toString()
    await once(stream, 'readable')
  }
}

async function settled (): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(resolve => { setImmediate(resolve) })
}

/** A source that tells how much has been taken from it. */
function counting (pieces: readonly string[]): { source: Readable, taken: () => number } {
  let taken = 0
  const source = new Readable({
    highWaterMark: 1,
    read () { this.push(pieces[taken++] ?? null) }
  })
  return { source, taken: () => taken }
}

t.test('texts and bytes are sent as they are, as often as it takes', async t => {
  for (const given of ['', 'text', Buffer.from('bytes'), new Uint8Array([1, 2]), new DataView(new ArrayBuffer(2))]) {
    const body = requestBody(given, LIMIT)
    t.equal(body.replayable, true)
    t.equal(body.open(), given)
    t.equal(body.open(), given)
    body.release()
  }
})

t.test('no body at all is sent as none, as often as it takes', async t => {
  for (const given of [null, undefined]) {
    const body = requestBody(given, LIMIT)
    t.equal(body.replayable, true)
    t.equal(body.complete, true)
    t.equal(body.open(), null)
    t.equal(body.open(), null)
    body.release()
  }
})

t.test('blobs and forms are sent as they are, once', async t => {
  for (const given of [new Blob(['x']), new FormData()]) {
    const body = requestBody(given, LIMIT)
    t.equal(body.replayable, false)
    t.equal(body.open(), given)
  }
})

t.test('a stream is sent byte for byte', async t => {
  const bytes = Buffer.alloc(300_000, 'abcdefg')
  const source = new PassThrough()
  source.end(bytes)
  const body = requestBody(source, LIMIT)
  t.equal(await read(opened(body)), bytes.toString())
})

t.test('a stream of texts is sent as their bytes', async t => {
  const source = Readable.from(['é', '✓', Buffer.from('ü')])
  t.equal(await read(opened(requestBody(source, LIMIT))), 'é✓ü')
  const decoding = new PassThrough({ encoding: 'utf8' })
  decoding.end('né')
  const body = requestBody(decoding, 3)
  t.equal(await read(opened(body)), 'né')
  t.equal(body.replayable, true, 'the limit counts bytes')
})

t.test('nothing is read until an attempt reads', async t => {
  const { source, taken } = counting(['a', 'b'])
  const body = requestBody(source, LIMIT)
  const first = opened(body)
  await settled()
  t.equal(taken(), 0)
  t.equal(opened(body), first, 'the next attempt gets what the first one left unread')
  t.equal(await read(opened(body)), 'ab')
})

t.test('an attempt that never read and gave its body up leaves the stream whole', async t => {
  const { source } = counting(['a', 'b', 'c'])
  const body = requestBody(source, LIMIT)
  const first = opened(body)
  first.destroy()
  await settled()
  t.equal(body.replayable, true)
  t.equal(await read(opened(body)), 'abc')
})

t.test('a second attempt gets every byte that the first one had, and the rest', async t => {
  const source = new PassThrough()
  const body = requestBody(source, LIMIT)
  const first = opened(body)
  source.write('one ')
  t.equal(await piece(first), 'one ')
  first.destroy(new Error('reset'))
  source.write('two ')
  const second = opened(body)
  t.not(second, first)
  source.end('three')
  t.equal(await read(second), 'one two three')
  t.equal(await read(opened(body)), 'one two three', 'and so does a third, after the end')
  t.equal(body.replayable, true)
})

t.test('what comes between two attempts, and before the second one reads, is sent once', async t => {
  for (const gaveUp of [true, false]) {
    const source = new PassThrough()
    const body = requestBody(source, LIMIT)
    const first = opened(body)
    source.write('one ')
    t.equal(await piece(first), 'one ')
    // An attempt may find out late that nobody reads it any more.
    if (gaveUp) first.destroy()
    const second = opened(body)
    source.write('two ')
    await settled()
    source.end('three')
    await settled()
    first.destroy()
    t.equal(await read(second), 'one two three', gaveUp ? 'after it gave up' : 'before it gave up')
  }
})

t.test('the end of the stream between two attempts is not the end of the second one', async t => {
  for (const gaveUp of [true, false]) {
    const source = new PassThrough()
    const body = requestBody(source, LIMIT)
    const first = opened(body)
    source.write('all')
    t.equal(await piece(first), 'all')
    if (gaveUp) first.destroy()
    const second = opened(body)
    source.end()
    await settled()
    t.equal(await read(second), 'all')
  }
})

t.test('an end that was on its way when the second attempt began is not the end of that one', async t => {
  const source = new Readable({ read () {} })
  const body = requestBody(source, LIMIT)
  const first = opened(body)
  source.push('all')
  first.resume()
  await once(first, 'data')
  // A stream that flows tells of its end in the next tick; by then it is too late to pause it.
  const ended = once(source, 'end')
  source.push(null)
  const second = opened(body)
  await ended
  t.equal(await read(second), 'all')
})

t.test('an attempt that has been replaced can not make the stream flow', async t => {
  const source = new PassThrough()
  const body = requestBody(source, LIMIT)
  const first = opened(body)
  // As much as it takes: it asks for more only when some of that has been read.
  const full = 'x'.repeat(first.readableHighWaterMark)
  source.write(full)
  first.read(0)
  await once(first, 'readable')
  const second = opened(body)
  source.write('more')
  first.resume()
  await settled()
  t.equal(source.readableLength, 4, 'nothing was taken')
  source.end()
  t.equal(await read(second), `${full}more`)
})

t.test('a body up to the limit can be sent again, one byte more can not', async t => {
  for (const [size, replayable] of [[9, true], [10, true], [11, false]] as const) {
    const source = new PassThrough()
    source.end('x'.repeat(size))
    const body = requestBody(source, 10)
    t.equal(body.replayable, true, 'not before it is read')
    t.equal(await read(opened(body)), 'x'.repeat(size))
    t.equal(body.replayable, replayable, `${size} bytes`)
  }
})

t.test('the limit counts what has been read, not what is to come', async t => {
  const source = new PassThrough()
  const body = requestBody(source, 10)
  const first = opened(body)
  source.write('12345')
  await piece(first)
  t.equal(body.replayable, true)
  source.write('678901')
  await piece(first)
  t.equal(body.replayable, false)
})

t.test('with a limit of 0 a stream can be sent once, and an empty one again', async t => {
  const source = new PassThrough()
  source.end('x')
  const body = requestBody(source, 0)
  await read(opened(body))
  t.equal(body.replayable, false)
  const empty = requestBody(Readable.from([]), 0)
  t.equal(await read(opened(empty)), '')
  t.equal(empty.replayable, true)
})

t.test('who begins to read when the exchange is over gets nothing, and takes nothing of the source', async t => {
  const { source, taken } = counting(['a', 'b'])
  const body = requestBody(source, LIMIT)
  const reader = opened(body)
  body.release()
  // As undici does with the body of a request that is over, once it has a connection for it.
  reader.read(0)
  await settled()
  t.equal(taken(), 0)
  t.equal(source.listenerCount('data'), 0)
  reader.destroy()
})
