import fc from 'fast-check'
import t from 'tap'
import { closeFrame, FrameBoundaries } from '../lib/frames.js'
import { frame } from './upgrade/kit.js'

/** Lengths on both sides of where the length field grows. */
const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(125, 126, 127, 65_535, 65_536, 66_000))
const mask = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytes => Buffer.from(bytes)), { nil: undefined })
const frames = fc.array(fc.record({ length, mask, opcode: fc.constantFrom(0, 1, 2, 8, 9, 10), fin: fc.boolean(), fill: fc.integer({ min: 0, max: 255 }) }), { minLength: 1, maxLength: 8 })
  .map(list => list.map(({ length, fill, ...rest }) => frame(Buffer.alloc(length, fill), rest)))

/** The stream in pieces, cut at `cuts`. */
function pieces (stream: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...cuts].map(cut => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length]
  return at.slice(1).map((end, i) => stream.subarray(at[i], end))
}

t.test('whatever the pieces, frames are known to begin where they were written', async t => {
  fc.assert(fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (list, cuts) => {
    const stream = Buffer.concat(list)
    const starts = new Set([0])
    let position = 0
    for (const { length } of list) starts.add(position += length)
    const boundaries = new FrameBoundaries()
    let at = 0
    for (const piece of pieces(stream, cuts)) {
      boundaries.pass(piece)
      at += piece.length
      if (boundaries.between !== starts.has(at)) return false
    }
    return true
  }), { numRuns: 300 })
  t.pass()
})

t.test('every split of a stream of small frames, byte by byte', async t => {
  const list = [frame(''), frame('a', { mask: Buffer.from('abcd') }), frame(Buffer.alloc(126)), frame('', { mask: Buffer.from('abcd') })]
  const stream = Buffer.concat(list)
  for (let cut = 0; cut <= stream.length; cut++) {
    const boundaries = new FrameBoundaries()
    boundaries.pass(stream.subarray(0, cut))
    let end = 0
    for (const { length } of list) if (end < cut) end += length
    t.equal(boundaries.finish(stream.subarray(cut)), end - cut, `cut at ${cut}`)
    t.equal(boundaries.between, true)
  }
})

t.test('finish stops at the end of the frame under way, however it is cut', async t => {
  fc.assert(fc.property(frames, fc.nat(), fc.array(fc.nat(), { maxLength: 20 }), (list, start, cuts) => {
    const stream = Buffer.concat(list)
    const from = start % stream.length
    let expected = 0
    for (const { length } of list) if (expected < from) expected += length
    const boundaries = new FrameBoundaries()
    boundaries.pass(stream.subarray(0, from))
    let at = from
    for (const piece of pieces(stream.subarray(from), cuts)) {
      at += boundaries.finish(piece)
      if (boundaries.between) break
    }
    return at === expected
  }), { numRuns: 300 })
  t.pass()
})

t.test('close frames say 1001, masked when a client sends them', async t => {
  const mask = Buffer.from([1, 2, 3, 4])
  t.same(closeFrame(), frame(Buffer.of(0x03, 0xe9), { opcode: 8 }))
  t.same(closeFrame(mask), frame(Buffer.of(0x03, 0xe9), { opcode: 8, mask }))
})
