import t from 'tap'
import { movedCookie, type PathMap } from '../lib/location.js'

function moved (cookie: string, from: string, to: string, base = ''): string {
  const paths: PathMap = { target: `http://a.test:3000${base}`, targets: () => [], from, to }
  return movedCookie(cookie, paths)
}

t.test('a Path at or below the upstream\'s prefix is moved, and every other byte stays', async t => {
  for (const [from, to, cookie, expected] of [
    ['/v2', '/api', 'a=1; Path=/v2', 'a=1; Path=/api'],
    ['/v2', '/api', 'a=1; Path=/v2/', 'a=1; Path=/api/'],
    ['/v2', '/api', 'a=1;path=/v2/x;Secure', 'a=1;path=/api/x;Secure'],
    ['/v2', '/api', 'a="1=2"; HttpOnly;  PATH \t= /v2/x \t; SameSite=Lax; Expires=Wed, 21 Oct 2037 07:28:00 GMT', 'a="1=2"; HttpOnly;  PATH \t= /api/x \t; SameSite=Lax; Expires=Wed, 21 Oct 2037 07:28:00 GMT'],
    ['/v2', '/api', 'a=1; Path=/v2; Path=/v2/x', 'a=1; Path=/api; Path=/api/x'],
    ['/v2', '/api', 'a=1; Path=/v2//x', 'a=1; Path=/api//x'],
    ['/v2', '', 'a=1; Path=/v2', 'a=1; Path=/'],
    ['/v2', '', 'a=1; Path=/v2/x', 'a=1; Path=/x'],
    // A browser does not send a cookie of `/api/` with `/api`, and the upstream has asked for it everywhere.
    ['', '/api', 'a=1; Path=/', 'a=1; Path=/api'],
    ['', '/api', 'a=1; Path=/x', 'a=1; Path=/api/x'],
    ['', '', 'a=1; Path=/', 'a=1; Path=/'],
    ['', '', 'a=1; Path=/x', 'a=1; Path=/x'],
    ['', '/t/a;domain=evil.test', 'a=1; Path=/x', 'a=1; Path=/t/a%3Bdomain=evil.test/x']
  ] as const) t.equal(moved(cookie, from, to), expected, cookie)
  t.equal(moved('a=1; Path=/base/v2/x', '/v2', '/api', '/base'), 'a=1; Path=/api/x')
  t.equal(moved('a=1; Path=/base', '', '/api', '/base'), 'a=1; Path=/api')
  t.equal(moved('caf\xe9=\xff; Path=/v2/\xe9', '/v2', '/api'), 'caf\xe9=\xff; Path=/api/\xe9')
})

t.test('every other cookie is left alone', async t => {
  for (const cookie of [
    'a=1', 'a=1; Secure', 'a=1; Path', 'a=1; Path=', 'a=1; Path=v2', 'a=1; Path=/', 'a=1; Path=/v', 'a=1; Path=/v22', 'a=1; Path=/V2', 'a=1; Path="/v2"',
    'path=/v2', 'path=/v2; Domain=a.test', 'a=path=/v2', 'a=1; xpath=/v2', 'a=1; Domain=/v2', 'a=1; Path/v2', '', ';', 'a=1; Path=/base/v2'
  ]) t.equal(moved(cookie, '/v2', '/api'), cookie, cookie)
  t.equal(moved('a=1; Path=/v2', '/v2', '/api', '/base'), 'a=1; Path=/v2')
})
