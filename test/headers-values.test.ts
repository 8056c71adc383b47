import t from 'tap'
import { contentLength, cookieValue, flatHeaders, hasHeader, mergedLists } from '../lib/headers.js'
import { isBelow } from '../lib/location.js'

function length (...fields: readonly string[]): number {
  return contentLength(fields.map(field => Buffer.from(field, 'latin1')))
}

t.test('the length of a body is what Content-Length says, in any case and place', async t => {
  t.equal(length('Content-Length', '5'), 5)
  t.equal(length('content-length', '0'), 0)
  t.equal(length('X-A', '1', 'CONTENT-LENGTH', '16384', 'X-B', '2'), 16384)
  t.equal(length('Content-Length', '007'), 7)
  t.equal(length('Content-Length', '999999999999999'), 999_999_999_999_999)
})

t.test('there is no length where it is missing or no plain number', async t => {
  t.equal(length(), -1)
  t.equal(length('Transfer-Encoding', 'chunked'), -1)
  t.equal(length('Content-Length'), -1)
  // As long a name, and one that has it in it.
  t.equal(length('content-langth', '5'), -1)
  t.equal(length('x-content-length', '5'), -1)
  for (const value of ['', ' ', '-1', '+5', '1e3', '0x10', '5.0', '5, 5', '5 ', '٥', '1000000000000000', 'NaN']) t.equal(length('Content-Length', value), -1, value)
})

t.test('a value that is called like the field is not taken for it', async t => {
  t.equal(length('X-A', 'content-length', 'Content-Length', '3'), 3)
})

t.test('a cookie is found by its whole name, and its value is left as it is', async t => {
  const header = 'a=1; b=two; c=x=y=z; empty=; quoted="q; r"; d=%20; a=9;e=5 ;  spaced  =  s  '
  for (const [name, value] of [
    ['a', '1'], ['b', 'two'], ['c', 'x=y=z'], ['empty', ''], ['d', '%20'], ['e', '5'], ['spaced', 's'], ['quoted', '"q'],
    ['', undefined], ['A', undefined], ['tw', undefined], ['x', undefined], ['constructor', undefined]
  ] as const) {
    t.equal(cookieValue(header, name), value, name)
  }
})

t.test('no cookie is found where there is none', async t => {
  t.equal(cookieValue(undefined, 'a'), undefined)
  t.equal(cookieValue('', 'a'), undefined)
  t.equal(cookieValue('a', 'a'), undefined)
  t.equal(cookieValue(';;; ; =', 'a'), undefined)
  t.equal(cookieValue('aa=1; xa=2', 'a'), undefined)
})

t.test('headers that can be read only once become a list', async t => {
  const fields: Array<[string, string]> = [['accept', '*/*'], ['idempotency-key', 'k']]
  const list = ['accept', '*/*', 'idempotency-key', 'k']
  t.strictSame(flatHeaders(new Map(fields)), list)
  t.strictSame(flatHeaders(new Headers(fields)), list)
  t.strictSame(flatHeaders(new Map(fields).entries()), list)
  t.strictSame(flatHeaders((function * () { yield * fields })()), list)
  t.strictSame(flatHeaders(new Map()), [])
})

t.test('a field of such headers that has no value is left out, and one with several keeps them', async t => {
  t.strictSame(flatHeaders(new Map<string, string | string[] | undefined>([['a', undefined], ['b', ['1', '2']], ['c', '3']])), ['b', ['1', '2'], 'c', '3'])
})

t.test('lists, objects and nothing stay what they are', async t => {
  const list = ['accept', '*/*']
  const object = { accept: '*/*' }
  t.equal(flatHeaders(list), list)
  t.equal(flatHeaders(object), object)
  t.equal(flatHeaders(null), null)
  t.equal(flatHeaders(undefined), undefined)
})

t.test('a field is found in every shape of headers, in any case', async t => {
  for (const headers of [
    ['accept', '*/*', 'Idempotency-Key', 'k'],
    { accept: '*/*', 'Idempotency-Key': 'k' },
    { 'idempotency-key': '' },
    { 'IDEMPOTENCY-KEY': ['k'] },
    flatHeaders(new Map([['Idempotency-Key', 'k']])),
    flatHeaders(new Headers({ 'Idempotency-Key': 'k' }))
  ]) {
    t.equal(hasHeader(headers, 'idempotency-key'), true, JSON.stringify(headers))
  }
})

t.test('a field is not found where it is missing, has no value or is a value itself', async t => {
  for (const headers of [
    null, undefined, [], {}, ['accept', 'idempotency-key'], ['x-idempotency-key', 'k'], { accept: 'idempotency-key' }, { 'idempotency-key': undefined },
    flatHeaders(new Map([['Idempotency-Key', undefined]])), { idempotency_key: 'k' }
  ]) {
    t.equal(hasHeader(headers, 'idempotency-key'), false, JSON.stringify(headers))
  }
})

t.test('lists are merged without repetitions, whatever their case, in the order in which they come', async t => {
  t.equal(mergedLists('Origin', 'Accept-Encoding'), 'Origin, Accept-Encoding')
  t.equal(mergedLists('Origin, Accept', ['accept-encoding', 'ORIGIN , Cookie']), 'ORIGIN, Accept, accept-encoding, Cookie')
  t.equal(mergedLists('a,,b, ', ''), 'a, b')
  t.equal(mergedLists(['*']), '*')
  t.equal(mergedLists(), '')
})

t.test('a path lies below another one by whole segments', async t => {
  for (const [path, from, below] of [
    ['/v2', '/v2', true], ['/v2/', '/v2', true], ['/v2/x', '/v2', true], ['/v2?a', '/v2', true], ['/v2#f', '/v2', true],
    ['/v2x', '/v2', false], ['/v', '/v2', false], ['/x/v2', '/v2', false], ['/V2', '/v2', false],
    ['/x', '', true], ['/', '', true], ['/x', '/', true], ['/v2/x', '/v2/', true], ['/v2', '/v2/', false]
  ] as const) {
    t.equal(isBelow(path, from), below, `${path} below ${from}`)
  }
})
