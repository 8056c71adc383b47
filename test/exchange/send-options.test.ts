import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import { sendOptions } from '../../lib/exchange.js'

/** The options that undici's Request takes out of what it is given, by its own source: it says so nowhere else. */
function known (): string[] {
  const source = readFileSync(createRequire(import.meta.url).resolve('undici/lib/core/request.js'), 'utf8')
  const names = /constructor \(origin, \{([^{}]*)\}, handler\)/.exec(source)?.[1]
  if (names === undefined) throw new Error('the constructor of Request looks different now: see what it takes, and mend this test')
  // With or without a default or another name.
  return names.split(',').map(name => name.trim().split(/\s*[:=]/)[0] as string).filter(name => name !== '')
}

t.test('every option that undici knows is sent', async t => {
  const names = known()
  for (const name of ['path', 'method', 'body', 'headers', 'query', 'upgrade', 'reset']) t.ok(names.includes(name), `${name} is read from the source`)
  const sent = sendOptions({ method: 'GET', path: '/' }, [], null)
  for (const name of names) t.ok(Object.hasOwn(sent, name), `${name}, which is to be added to sendOptions`)
})

t.test('an option has the value that the caller gave it, unless it is decided here', async t => {
  const given = Object.fromEntries(known().map(name => [name, `the caller's ${name}`]))
  // What it is for is not known here, and does not matter.
  const sent = sendOptions(given as unknown as Parameters<typeof sendOptions>[0], ['a', 'b'], 'body') as unknown as Record<string, unknown>
  const decided = { body: 'body', headers: ['a', 'b'], headersTimeout: 0, bodyTimeout: 0, servername: undefined }
  t.strictSame(sent, { ...given, ...decided, origin: undefined })
})

t.test('nothing is made up that the caller did not say', async t => {
  const sent = Object.entries(sendOptions({ method: 'GET', path: '/' }, [], null))
  t.strictSame(Object.fromEntries(sent.filter(([, value]) => value !== undefined)), { method: 'GET', path: '/', headers: [], body: null, headersTimeout: 0, bodyTimeout: 0 })
})

t.test('what is sent has one shape, in whatever order the caller says things', async t => {
  const keys = Object.keys(sendOptions({ method: 'GET', path: '/' }, [], null))
  t.strictSame(Object.keys(sendOptions({ reset: true, query: { a: 1 }, path: '/', method: 'GET', idempotent: false }, { a: 'b' }, 'x')), keys)
})
