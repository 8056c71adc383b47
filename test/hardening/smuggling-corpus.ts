/**
 * Requests that two parsers might end at different places. Each is followed by `NEXT` on the same connection, unless it closes it.
 *
 * What is expected are the requests that the upstream gets, as `METHOD target "body"`; or that nothing whole gets there:
 * `refused` with an error status or a cut, `unfinished` since more has to come.
 */
export interface Row {
  readonly name: string
  readonly bytes: string
  readonly expected: readonly string[] | 'refused' | 'unfinished'
  /** Versions of Node differ about it. */
  readonly orRefused?: true
  /** Nothing follows. */
  readonly alone?: true
}

export const NEXT = 'GET /next HTTP/1.1\r\nHost: gateway\r\nX-Next: untouched\r\nConnection: close\r\n\r\n'

const TWO_CHUNKS = '1\r\nh\r\n1\r\ni\r\n0\r\n\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const PASSED = ['POST /a "hi"', 'GET /next ""'] as const
const PASSED_EMPTY = ['POST /a ""', 'GET /next ""'] as const
const GOT = ['GET /a ""', 'GET /next ""'] as const

type Expected = Row['expected']

function post (name: string, fields: string, body: string, expected: Expected = 'refused'): Row {
  return { name, bytes: `POST /a HTTP/1.1\r\nHost: gateway\r\n${fields}\r\n${body}`, expected }
}

function get (name: string, fields: string, expected: Expected = 'refused', line = 'GET /a HTTP/1.1'): Row {
  return { name, bytes: `${line}\r\nHost: gateway\r\n${fields}\r\n`, expected }
}

const length = (value: string, expected: Expected = 'refused'): Row => post(`Content-Length: ${value}`, `Content-Length:${value}\r\n`, 'hi', expected)
const coding = (value: string, expected: Expected = 'refused'): Row => post(`Transfer-Encoding: ${value}`, `Transfer-Encoding:${value}\r\n`, TWO_CHUNKS, expected)
const chunks = (name: string, body: string, expected: Expected = 'refused'): Row => post(`chunks: ${name}`, CHUNKED, body, expected)

export const LENGTHS: readonly Row[] = [
  post('CL.TE', `Content-Length: 5\r\n${CHUNKED}`, '0\r\n\r\n'),
  post('TE.CL', `${CHUNKED}Content-Length: 4\r\n`, '5c\r\nGET /smuggled HTTP/1.1\r\n\r\n'),
  post('TE.TE', `${CHUNKED}Transfer-Encoding: x\r\n`, TWO_CHUNKS),
  post('TE.0', CHUNKED, `${NEXT.length.toString(16)}\r\n${NEXT}\r\n0\r\n\r\n`, [`POST /a ${JSON.stringify(NEXT)}`, 'GET /next ""']),
  post('CL.0', `Content-Length: ${NEXT.length}\r\n`, NEXT, [`POST /a ${JSON.stringify(NEXT)}`, 'GET /next ""']),
  post('0.CL', 'Content-Length: 0\r\n', '', PASSED_EMPTY),
  post('no length at all', '', '', PASSED_EMPTY),
  post('a length beyond what comes', 'Content-Length: 1000\r\n', 'hi', 'unfinished'),
  post('two equal lengths', 'Content-Length: 2\r\nContent-Length: 2\r\n', 'hi'),
  post('two different lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n', 'hi'),
  post('the length below another name', 'Content_Length: 100\r\nContent-Length: 2\r\n', 'hi', PASSED),
  post('a space before the colon of the length', 'Content-Length : 2\r\n', 'hi'),
  length(' 2', PASSED), length('2', PASSED), length('   2   ', PASSED), { ...length(' 2\t', PASSED), orRefused: true }, length(' 002', PASSED),
  length(' +2'), length(' -2'), length(' 2,2'), length(' 2, 2'), length(' 2 2'), length(' 0x2'), length(' 2.0'), length(' 2_0'), length(' 2e0'), length(''), length(' "2"'),
  length(' 99999999999999999999999'), length(' 18446744073709551618'), length(' \x0b2'), length(' 2\x0c'), length(' 2;'), length(' \xb2'), length(' two')
]

export const CODINGS: readonly Row[] = [
  coding(' chunked', PASSED), coding('chunked', PASSED), coding(' CHUNKED', PASSED), coding(' chunked ', PASSED), coding('\tchunked', PASSED), coding(' chunked\t'), coding(' ,chunked', PASSED),
  coding(' chunked, identity'), coding(' chunked, chunked'), coding(' xchunked'), coding(' chunkedx'), coding(' "chunked"'), coding(' chunked;x=1'), coding(' chunked\x0b'),
  coding(' \x0bchunked'), coding(' chunked\0'), coding(' chunk ed'), coding(' identity'), coding(' gzip'), coding(' cow'), coding(' \xffchunked'),
  // The body would go on without the coding that is named first.
  coding(' gzip, chunked'),
  post('Transfer-Encoding twice', CHUNKED + CHUNKED, TWO_CHUNKS),
  post('a space before the colon of the coding', 'Transfer-Encoding : chunked\r\n', TWO_CHUNKS),
  post('a space before the coding', ' Transfer-Encoding: chunked\r\n', TWO_CHUNKS),
  post('a coding in a folded line', 'Transfer-Encoding:\r\n chunked\r\n', TWO_CHUNKS),
  post('a coding behind a bare LF', 'X-A: b\nTransfer-Encoding: chunked\r\n', TWO_CHUNKS),
  post('an unknown coding and a length', 'Transfer-Encoding: x\r\nContent-Length: 2\r\n', 'hi'),
  post('an underscored coding and a length', 'Transfer_Encoding: chunked\r\nContent-Length: 2\r\n', 'hi', PASSED),
  { name: 'a coding in HTTP/1.0', bytes: `POST /a HTTP/1.0\r\nHost: gateway\r\nConnection: keep-alive\r\n${CHUNKED}\r\n${TWO_CHUNKS}`, expected: PASSED },
  { name: 'a coding and a length in HTTP/1.0', bytes: `POST /a HTTP/1.0\r\nHost: gateway\r\n${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n`, expected: 'refused' }
]

export const CHUNKS: readonly Row[] = [
  chunks('an extension', '2;a=b\r\nhi\r\n0\r\n\r\n', PASSED),
  chunks('a quoted extension', '2;a="b;c"\r\nhi\r\n0;d\r\n\r\n', PASSED),
  chunks('zeros before sizes', '0002\r\nhi\r\n0000\r\n\r\n', PASSED),
  chunks('a harmless trailer', '2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n', PASSED),
  chunks('an unfinished quote', '2;a="\r\nhi\r\n0\r\n\r\n'),
  chunks('an extension with a bare LF', '2;a\nhi\r\n0\r\n\r\n'),
  chunks('an extension with a bare CR', '2;a\rx\r\nhi\r\n0\r\n\r\n'),
  chunks('a space behind a size', '2 \r\nhi\r\n0\r\n\r\n'),
  chunks('a space before a size', ' 2\r\nhi\r\n0\r\n\r\n'),
  chunks('0x', '0x2\r\nhi\r\n0\r\n\r\n'),
  chunks('a sign', '+2\r\nhi\r\n0\r\n\r\n'),
  chunks('a negative size', '-2\r\nhi\r\n0\r\n\r\n'),
  chunks('a size of 65 bits', '10000000000000002\r\nhi\r\n0\r\n\r\n'),
  chunks('a size of 33 bits', '100000002\r\nhi\r\n0\r\n\r\n', 'unfinished'),
  chunks('no size', '\r\nhi\r\n0\r\n\r\n'),
  chunks('no hexadecimal size', 'z\r\nhi\r\n0\r\n\r\n'),
  chunks('no CRLF behind a chunk', '2\r\nhi0\r\n\r\n'),
  chunks('a byte behind a chunk', '2\r\nhix\r\n0\r\n\r\n'),
  chunks('a bare LF behind a chunk', '2\r\nhi\n0\r\n\r\n'),
  chunks('a bare LF behind a size', '2\nhi\r\n0\r\n\r\n'),
  chunks('bare LFs at the end', '2\r\nhi\r\n0\n\n'),
  chunks('a length as a trailer', '2\r\nhi\r\n0\r\nContent-Length: 5\r\n\r\n'),
  chunks('a trailer without a name', '2\r\nhi\r\n0\r\n: x\r\n\r\n'),
  chunks('a trailer with a space in its name', '2\r\nhi\r\n0\r\nX T: 1\r\n\r\n'),
  chunks('a folded trailer', '2\r\nhi\r\n0\r\nX: 1\r\n 2\r\n\r\n'),
  chunks('a trailer with a bare LF', '2\r\nhi\r\n0\r\nX: 1\nHost: evil\r\n\r\n')
]

export const HEADS: readonly Row[] = [
  get('a folded line', 'X-A: 1\r\n 2\r\n'),
  get('a line folded by a tab', 'X-A: 1\r\n\t2\r\n'),
  get('a fold below the request line', ' X-A: 1\r\n'),
  { name: 'a bare LF behind the request line', bytes: 'GET /a HTTP/1.1\nHost: gateway\r\n\r\n', expected: 'refused' },
  { name: 'bare LFs', bytes: 'GET /a HTTP/1.1\nHost: gateway\n\n', expected: 'refused' },
  { name: 'a bare LF at the end', bytes: 'GET /a HTTP/1.1\r\nHost: gateway\r\n\n', expected: 'refused' },
  { name: 'a bare CR behind the request line', bytes: 'GET /a HTTP/1.1\rHost: gateway\r\n\r\n', expected: 'refused' },
  { name: 'no Host', bytes: 'GET /a HTTP/1.1\r\nX-A: b\r\n\r\n', expected: 'refused', alone: true },
  get('a bare LF in a value', 'X-A: 1\nX-B: 2\r\n'), get('a bare CR in a value', 'X-A: 1\rX-B: 2\r\n'), get('a NUL in a value', 'X-A: a\0b\r\n'),
  get('a control character in a value', 'X-A: a\x01b\r\n'), get('a DEL in a value', 'X-A: a\x7fb\r\n'), get('bytes above ASCII in a value', 'X-A: a\xffb\r\n', GOT),
  get('a NUL in a name', 'X\0A: b\r\n'), get('a space in a name', 'X A: b\r\n'), get('a space before a colon', 'X-A : b\r\n'), get('a tab before a colon', 'X-A\t: b\r\n'),
  get('no colon', 'X-A\r\n'), get('no name', ': x\r\n'), get('a parenthesis in a name', 'X(A): x\r\n'), get('a byte above ASCII in a name', 'X\xe9: x\r\n'),
  get('two colons', 'X-A:: x\r\n', GOT), get('a NUL in the target', '', 'refused', 'GET /a\0b HTTP/1.1'), get('a CR in the target', '', 'refused', 'GET /a\r HTTP/1.1'),
  get('a space in the target', '', 'refused', 'GET /a b HTTP/1.1'), get('a tab in the target', '', 'refused', 'GET /a\tb HTTP/1.1'),
  get('tabs in the request line', '', 'refused', 'GET\t/a\tHTTP/1.1'), get('a method in small letters', '', 'refused', 'get /a HTTP/1.1'),
  get('an unknown method', '', 'refused', 'FOO /a HTTP/1.1'), get('a method with a colon', '', 'refused', 'GE:T /a HTTP/1.1'),
  get('HTTP/1.2', '', 'refused', 'GET /a HTTP/1.2'), { ...get('HTTP/2.0', '', ['GET /a ""'], 'GET /a HTTP/2.0'), alone: true }, get('http/1.1', '', 'refused', 'GET /a http/1.1'),
  get('HTTP/1.10', '', 'refused', 'GET /a HTTP/1.10'), get('a header as the target', '', 'refused', 'GET /a HTTP/1.1\r\nX: y HTTP/1.1\r\n: z'),
  { name: 'the preface of HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', expected: 'refused' },
  { name: 'empty lines first', bytes: '\r\n\r\nGET /a HTTP/1.1\r\nHost: gateway\r\n\r\n', expected: GOT },
  post('Connection: content-length', 'Connection: content-length\r\nContent-Length: 2\r\n', 'hi', PASSED),
  post('Connection: transfer-encoding', `Connection: transfer-encoding\r\n${CHUNKED}`, TWO_CHUNKS, PASSED),
  post('Connection: content-length, keep-alive, te', 'Connection: content-length, keep-alive, te\r\nContent-Length: 2\r\n', 'hi', PASSED),
  get('two Host fields', 'Host: evil\r\n'),
  get('Connection: host', 'Connection: host\r\n', GOT),
  get('Connection: via, x-forwarded-for', 'Connection: via, x-forwarded-for, x-next\r\n', GOT)
]
