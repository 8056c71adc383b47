/**
 * What an upstream may answer. A client is to see a 502; or a broken answer, cut off; or exactly the answer that is expected. `502 or cut` is
 * for what shows only behind headers that may have been passed on.
 */
export interface Row {
  readonly name: string
  readonly answer: string
  readonly method?: 'HEAD' | 'POST'
  /** The upstream closes behind it. */
  readonly ends?: true
  readonly expected: '502' | '502 or cut' | Expected
}

export interface Expected {
  readonly status: number
  readonly body: string
  /** Among the others, exactly so. */
  readonly fields?: ReadonlyArray<readonly [name: string, value: string]>
}

const HI = 'Content-Length: 2\r\n\r\nhi'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

function head (name: string, fields: string, expected: Row['expected'] = '502'): Row {
  return { name, answer: `HTTP/1.1 200 OK\r\n${fields}${HI}`, expected }
}

function line (name: string, start: string, expected: Row['expected'] = '502'): Row {
  return { name, answer: `${start}\r\n${HI}`, expected, ends: true }
}

function chunks (name: string, body: string, expected: Row['expected'] = '502 or cut'): Row {
  return { name: `chunks: ${name}`, answer: `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n${body}`, expected }
}

function hi (status = 200, ...fields: Array<readonly [string, string]>): Expected {
  return { status, body: 'hi', fields }
}

/** Answers with two ends, or with more lines than one may think. */
export const SPLITTING: readonly Row[] = [
  head('a length and a coding', CHUNKED),
  { name: 'a coding and a length', answer: `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\n`, expected: '502' },
  head('two equal lengths', 'Content-Length: 2\r\n'),
  head('two different lengths', 'Content-Length: 3\r\n'),
  { name: 'a list of lengths', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi', expected: '502' },
  { name: 'a signed length', answer: 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi', expected: '502' },
  { name: 'an endless length', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhi', expected: '502' },
  { name: 'no length', answer: 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi', expected: '502' },
  { name: 'less than its length', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi', ends: true, expected: '502' },
  { name: 'less than its large length', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhi', ends: true, expected: '502 or cut' },
  { name: 'more than its length', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more', expected: hi() },
  { name: 'a second answer', answer: `HTTP/1.1 200 OK\r\n${HI}HTTP/1.1 200 OK\r\nX-Injected: 1\r\nContent-Length: 3\r\n\r\nbad`, expected: hi() },
  { name: 'a second answer behind chunks', answer: `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1\r\n\r\n`, expected: hi() },
  { name: 'a list of codings', answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', expected: '502' },
  { name: 'an unknown coding', answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nhi', ends: true, expected: '502' },
  head('a folded line', 'X-A: 1\r\n X-Injected: 2\r\n'),
  head('a bare LF in a value', 'X-A: 1\nX-Injected: 2\r\n'),
  head('a bare CR in a value', 'X-A: 1\rX-Injected: 2\r\n'),
  head('a NUL in a value', 'X-A: 1\0\r\n'),
  head('a control character in a value', 'X-A: 1\x01\r\n'),
  head('a DEL in a value', 'X-A: 1\x7f\r\n'),
  head('a space in a name', 'X A: 1\r\n'),
  head('a space before a colon', 'X-A : 1\r\n'),
  head('no name', ': 1\r\n'),
  head('no colon', 'X-A\r\n'),
  head('a NUL in a name', 'X\0A: 1\r\n'),
  { name: 'bare LFs', answer: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nhi', expected: '502' },
  { name: 'a bare CR at the end of its head', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rhi', ends: true, expected: '502' },
  chunks('a size that is none', 'zz\r\nhi\r\n0\r\n\r\n'),
  chunks('a negative size', '-2\r\nhi\r\n0\r\n\r\n'),
  chunks('0x', '0x2\r\nhi\r\n0\r\n\r\n'),
  chunks('a size of 65 bits', '10000000000000002\r\nhi\r\n0\r\n\r\n'),
  chunks('a space behind a size', '2 \r\nhi\r\n0\r\n\r\n'),
  chunks('no CRLF behind a chunk', '2\r\nhi0\r\n\r\n'),
  chunks('a bare LF behind a size', '2\nhi\r\n0\r\n\r\n'),
  chunks('an extension', '2;a=b\r\nhi\r\n0\r\n\r\n', hi()),
  chunks('a trailer of another kind', '2\r\nhi\r\n0\r\nContent-Length: 100\r\n\r\n'),
  chunks('a trailer with a bare LF', '2\r\nhi\r\n0\r\nX-T: 1\nX-Injected: 2\r\n\r\n')
]

/** Answers that are rare. */
export const ODD: readonly Row[] = [
  line('status 099', 'HTTP/1.1 099 No'),
  line('status 000', 'HTTP/1.1 000 No'),
  line('status 600', 'HTTP/1.1 600 No'),
  line('status 999', 'HTTP/1.1 999 No'),
  line('status 1000', 'HTTP/1.1 1000 No'),
  line('status 20', 'HTTP/1.1 20 No'),
  line('status abc', 'HTTP/1.1 abc No'),
  line('status +200', 'HTTP/1.1 +200 No'),
  line('status 599', 'HTTP/1.1 599 Last', hi(599)),
  line('status 299', 'HTTP/1.1 299 Odd', hi(299)),
  line('no reason', 'HTTP/1.1 200 ', hi()),
  line('no reason and no space', 'HTTP/1.1 200', hi()),
  line('a reason with bytes above ASCII', `HTTP/1.1 200 ${'\xe9'.repeat(5000)}`, hi()),
  line('a reason with a bare CR', 'HTTP/1.1 200 O\rX-Injected: 1'),
  line('a reason with a bare LF', 'HTTP/1.1 200 O\nX-Injected: 1'),
  // The client gets a reason of our own.
  line('a reason with a NUL', 'HTTP/1.1 200 O\0K', hi()),
  line('HTTP/1.0', 'HTTP/1.0 200 OK', hi()),
  line('HTTP/2.0', 'HTTP/2.0 200 OK', hi()),
  line('HTTP/1.2', 'HTTP/1.2 200 OK'),
  line('HTTP/9.9', 'HTTP/9.9 200 OK'),
  line('no version', 'HTTP 200 OK'),
  line('ICY', 'ICY 200 OK'),
  line('two spaces', 'HTTP/1.1  200 OK'),
  { name: 'HTTP/0.9', answer: '<html>hi</html>', ends: true, expected: '502' },
  { name: 'nothing', answer: '', ends: true, expected: '502' },
  { name: 'an empty line first', answer: `\r\nHTTP/1.1 200 OK\r\n${HI}`, expected: hi() },
  { name: 'a request', answer: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', ends: true, expected: '502' },
  { name: 'TLS', answer: '\x15\x03\x01\x00\x02\x02\x46', ends: true, expected: '502' },
  { name: 'a body until the end', answer: 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nhi', ends: true, expected: hi(200, ['x-a', 'b']) },
  { name: 'a body until the end, HTTP/1.0', answer: 'HTTP/1.0 200 OK\r\n\r\nhi', ends: true, expected: hi() },
  head('100 KB in one field', `X-A: ${'x'.repeat(100_000)}\r\n`),
  head('100 KB in a hundred fields', Array.from({ length: 100 }, (_, i) => `X-${i}: ${'x'.repeat(1000)}\r\n`).join('')),
  head('500 fields', Array.from({ length: 500 }, (_, i) => `X-${i}: ${i}\r\n`).join(''), hi(200, ['x-0', '0'], ['x-499', '499'])),
  head('1500 fields of one name', 'A: b\r\n'.repeat(1500), hi()),
  head('two cookies', 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n', hi(200, ['set-cookie', 'a=1'], ['set-cookie', 'b=2'])),
  head('names of properties', '__proto__: a\r\n__proto__: e\r\nconstructor: b\r\ntoString: c\r\nhasOwnProperty: d\r\n',
    hi(200, ['constructor', 'b'], ['tostring', 'c'], ['hasownproperty', 'd'])),
  head('bytes above ASCII', 'X-A: \xe9\xff\r\n', hi(200, ['x-a', '\xe9\xff'])),
  head('an empty value', 'X-A:\r\n', hi(200, ['x-a', ''])),
  head('a name of one character, and odd ones', "X: 1\r\n!#$%&'*+-.^_`|~: 2\r\n", hi(200, ['x', '1'], ["!#$%&'*+-.^_`|~", '2'])),
  head('a switch of protocols that is none', 'Upgrade: h2c\r\nConnection: upgrade\r\n', hi()),
  { name: '204 with a length', answer: 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi', expected: '502' },
  { name: '204 with a length of 0', answer: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', expected: { status: 204, body: '' } },
  { name: '204 with chunks', answer: `HTTP/1.1 204 No Content\r\n${CHUNKED}\r\n2\r\nhi\r\n0\r\n\r\n`, expected: { status: 204, body: '' } },
  { name: '304 with a body', answer: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nhi', expected: { status: 304, body: '', fields: [['etag', '"a"']] } },
  { name: '205 with a body', answer: `HTTP/1.1 205 Reset Content\r\n${HI}`, expected: hi(205) },
  { name: 'HEAD with a body', method: 'HEAD', answer: `HTTP/1.1 200 OK\r\n${HI}`, expected: { status: 200, body: '', fields: [['content-length', '2']] } },
  { name: 'HEAD with chunks', method: 'HEAD', answer: `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n2\r\nhi\r\n0\r\n\r\n`, expected: { status: 200, body: '' } }
]
