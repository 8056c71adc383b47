import t from 'tap'
import { prefixRewriter } from '../lib/path.js'

t.test('a param that is a whole segment is taken as the client spelled it', async t => {
  const rewriter = prefixRewriter('/a/:id/b', '/users/:id')
  for (const [raw, decoded] of [['x%2Fy', 'x/y'], ['%252F', '%2F'], ['caf%C3%A9', 'café'], ['a+b', 'a+b'], ['%41', 'A'], ['a;b', 'a;b'], ['@s%2fn', '@s/n']] as const) {
    t.equal(rewriter(`/a/${raw}/b/x`, { id: decoded }).path, `/users/${raw}/x`)
  }
})

t.test('a param with a pattern of its own is a whole segment as well', async t => {
  t.equal(prefixRewriter('/a/:id(\\d+)', '/users/:id')('/a/42/x', { id: '42' }).path, '/users/42/x')
  t.equal(prefixRewriter('/a/:id([0-9]+%2F[0-9]+)', '/users/:id')('/a/4%2F2/x', { id: '4/2' }).path, '/users/4%2F2/x')
})

t.test('a param that is part of a segment is escaped anew', async t => {
  const rewriter = prefixRewriter('/a/:from-:to', '/range/:to/:from')
  t.equal(rewriter('/a/1-2/x', { from: '1', to: '2' }).path, '/range/2/1/x')
  t.equal(rewriter('/a/1%2F1-2%203/x', { from: '1/1', to: '2 3' }).path, '/range/2%203/1%2F1/x')
  t.equal(prefixRewriter('/:file.json', '/files/:file')('/a%3Fb.json', { file: 'a?b' }).path, '/files/a%3Fb')
})

t.test('params may change places, repeat and be left out', async t => {
  t.equal(prefixRewriter('/:a/:b', '/:b/:a')('/1/2/x', { a: '1', b: '2' }).path, '/2/1/x')
  t.equal(prefixRewriter('/:a/:b', '/:a/:a')('/1/2/x', { a: '1', b: '2' }).path, '/1/1/x')
  t.equal(prefixRewriter('/:a/:b', '/fixed')('/1/2/x', { a: '1', b: '2' }).path, '/fixed/x')
  t.equal(prefixRewriter('/:id/:id2', '/:id2-:id')('/1/2/x', { id: '1', id2: '2' }).path, '/2-1/x', 'a name is not the beginning of another')
})

t.test('a colon that names no param is a colon', async t => {
  t.equal(prefixRewriter('/api', '/v1:batch')('/api/x', {}).path, '/v1:batch/x')
  t.equal(prefixRewriter('/a/:id', '/v1:batch/:id')('/a/7/x', { id: '7' }).path, '/v1:batch/7/x')
  t.equal(prefixRewriter('/a/:id', '/host:8080/:id')('/a/7', { id: '7' }).path, '/host:8080/7')
})

t.test('what looks like a replacement pattern is text', async t => {
  for (const literal of ['$&', '$1', '$$', '$`', "$'", '$<id>']) {
    t.equal(prefixRewriter('/api', `/${literal}`)('/api/x', {}).path, `/${literal}/x`)
    t.equal(prefixRewriter('/a/:id', `/${literal}/:id`)('/a/7/x', { id: '7' }).path, `/${literal}/7/x`)
    t.equal(prefixRewriter('/a/:id', '/v/:id')(`/a/${literal}/x`, { id: literal }).path, `/v/${literal}/x`)
  }
})

t.test('a param cannot add segments or a query to the rewritten prefix', async t => {
  const rewriter = prefixRewriter('/:file.json', '/files/:file')
  t.equal(rewriter('/a%2Fb.json', { file: 'a/b' }).path, '/files/a%2Fb')
  t.equal(rewriter('/a%23b.json', { file: 'a#b' }).path, '/files/a%23b')
  t.equal(rewriter('/a%5Cb.json', { file: 'a\\b' }).path, '/files/a%5Cb')
})
