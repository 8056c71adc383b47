import t from 'tap'
import { announcedTrailers, trailerFields, wantsTrailers } from '../lib/trailers.js'

t.test('fields that frame, route or authenticate are never trailers', async t => {
  const raw = ['X-Checksum', 'abc', 'Content-Length', '5', 'set-cookie', 'a=b', 'Server-Timing', 'db;dur=1', 'Transfer-Encoding', 'chunked']
  t.same(trailerFields(raw.map(text => Buffer.from(text))), [['X-Checksum', 'abc'], ['Server-Timing', 'db;dur=1']])
  t.same(trailerFields(raw), [['X-Checksum', 'abc'], ['Server-Timing', 'db;dur=1']])
  t.same(trailerFields(null), [])
  t.same(trailerFields([Buffer.from('x')]), [])
})

t.test('what is announced is what may be passed on', async t => {
  t.equal(announcedTrailers('X-Checksum, content-length ,, Server-Timing'), 'X-Checksum, Server-Timing')
  t.equal(announcedTrailers('host'), '')
})

t.test('trailers are for clients that ask for them', async t => {
  for (const te of ['trailers', 'gzip, trailers', 'Trailers;q=1', 'trailers, gzip']) t.ok(wantsTrailers(te), te)
  for (const te of ['', 'gzip', 'x-trailers', 'trailersx', 'trailers;q=0', 'trailers; q=0.0, gzip', 'undefined']) t.notOk(wantsTrailers(te), te)
})
