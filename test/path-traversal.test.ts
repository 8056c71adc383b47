import fc from 'fast-check'
import t from 'tap'
import { climbs, prefixRewriter } from '../lib/path.js'

const DOTS = ['..', '%2e%2e', '%2E%2E', '%2e.', '.%2E', '%2e%2E']
const SLASHES = ['/', '\\', '%2f', '%2F', '%5c', '%5C']

const refused = { code: 'FST_BALANCER_BAD_PATH', statusCode: 400 }

t.test('a segment of two dots is refused in every spelling and at every place', async t => {
  const rewriter = prefixRewriter('/api', '')
  for (const dots of DOTS) {
    for (const before of SLASHES) {
      for (const after of ['', ...SLASHES]) {
        for (const path of [`/api/a${before}${dots}${after}`, `/api/a${before}${dots}${after}b`]) {
          if (after === '' && path.endsWith('b')) continue
          t.throws(() => rewriter(path, {}), refused, path)
        }
      }
    }
    t.throws(() => rewriter(`/api/${dots}`, {}), refused)
    t.throws(() => rewriter(`/api/${dots}/admin`, {}), refused)
    t.throws(() => rewriter(`/api//${dots}`, {}), refused)
    t.throws(() => rewriter(`/api/a/b/${dots}/${dots}`, {}), refused)
    t.throws(() => rewriter(`http://other.test/api/${dots}/x`, {}), refused)
  }
})

t.test('path parameters do not hide the two dots', async t => {
  const rewriter = prefixRewriter('/api', '')
  for (const dots of DOTS) {
    for (const path of [`/api/${dots};/x`, `/api/${dots};a=b/x`, `/api/x/${dots};..;/y`, `/api/${dots};`]) t.throws(() => rewriter(path, {}), refused, path)
  }
})

t.test('names with dots in them are names', async t => {
  const rewriter = prefixRewriter('/api', '/v2')
  for (const name of [
    '...', '....', '..a', 'a..', 'a..b', 'a../b', '..a/b', '.', './x', 'a/.', '.git', '..%20', '%20..', '%2e%2e%2e', '%2ea', '..%00', 'x;..', 'x;/y',
    '%252e%252e', '%252e%252e%252f', '..%252f', '..+', '.%2fx', '.%5cx', '...;a', '[...slug]'
  ]) {
    t.equal(rewriter(`/api/${name}`, {}).path, `/v2/${name}`)
  }
})

t.test('a param does not carry a climb into the rewritten prefix', async t => {
  const rewriter = prefixRewriter('/t/:id/files', '/tenants/:id')
  for (const dots of DOTS) {
    for (const param of [dots, `${dots}%2fx`, `x%2f${dots}`, `x\\${dots}`, `${dots};a`]) {
      t.throws(() => rewriter(`/t/${param}/files/y`, { id: decodeURIComponent(param) }), refused, param)
    }
  }
  t.equal(rewriter('/t/..a/files/y', { id: '..a' }).path, '/tenants/..a/y')
  // Where it takes no part in the path that is sent, the router has already judged it.
  t.equal(prefixRewriter('/t/:id/files', '')('/t/../files/y', { id: '..' }).path, '/y')
})

/** Pieces of which anything that matters to a path can be made. */
const piece = fc.constantFrom(
  '.', '..', '/', '\\', '%2e', '%2E', '%2f', '%5c', ';', 'a', 'b', '%', '%25', '2e', '2f', '#', ':', '$&', '%2e%2e', '/../', '//', 'é', '%00'
)
const anyPath = fc.array(piece, { maxLength: 14 }).map(pieces => pieces.join(''))

/** What a server sees that decodes a path once: percent signs first, then segments, backslashes taken for slashes. */
function decodedSegments (path: string): string[] {
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))).split(/[/\\]/)
}

t.test('nothing comes out with a segment of two dots, decoded or not, and all of it is below the rewrite', async t => {
  const prefixes = fc.constantFrom(['', ''], ['/', ''], ['/api', ''], ['/api', '/v2'], ['/api', '/v2/'], ['/a/:id/b', '/u/:id'], ['/:id', '/x/:id/y'])
  let accepted = 0
  t.doesNotThrow(() => {
    fc.assert(fc.property(prefixes, anyPath, anyPath, ([prefix = '', rewrite = ''], id, rest) => {
      const matched = prefix.replace(':id', id.replace(/[/?]/g, '') || 'x').replace(/\/$/, '')
      let out
      try {
        out = prefixRewriter(prefix, rewrite)(`${matched}/${rest}`, { id })
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'FST_BALANCER_BAD_PATH'
      }
      accepted++
      const fixed = rewrite.replace(/\/$/, '').split(':')[0] ?? ''
      return !decodedSegments(out.path).includes('..') && !/[\\#]/.test(out.path) && out.path.startsWith(fixed) &&
        out.path.startsWith('/', rewrite.includes(':') ? 0 : fixed.length)
    }), { seed: 1, numRuns: 5000 })
  })
  t.ok(accepted > 1000, `${accepted} were not refused`)
})

t.test('a path climbs exactly when a server that decodes it once sees a segment of two dots', async t => {
  t.doesNotThrow(() => {
    fc.assert(fc.property(anyPath, rest => {
      const path = `/api/${rest}`
      const climbing = decodedSegments(path).some(segment => segment.split(';')[0] === '..')
      return climbs(path) === climbing
    }), { seed: 2, numRuns: 5000 })
  })
})
