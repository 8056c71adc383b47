import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { upstream } from '../kit/index.js'
import { ApiServer, usersSlice } from '../kubernetes/api-server.js'
import { EXAMPLES, run } from './run.js'

const tested = new Set<string>()

function example (name: string, behaviour: string, check: (t: Test, lines: readonly string[]) => void): void {
  tested.add(name)
  void t.test(`${name}: ${behaviour}`, async t => { check(t, await run(name)) })
}

/** The words after the first colon of a line. */
function words (line: string | undefined): string[] {
  return line?.slice(line.indexOf(':') + 1).trim().split(' ') ?? []
}

function count (list: readonly string[], word: string): number {
  return list.filter(each => each === word).length
}

example('basic.js', 'two upstreams take turns, and the prefix is taken off the path', (t, lines) => {
  t.equal(lines.length, 4)
  const answered = lines.map(line => /^\/api(\S+): ([ab]) was asked for (\S+)$/.exec(line))
  t.same(answered.map(match => match?.[3]), ['/1', '/2', '/3?full=yes', '/4'])
  t.same(answered.map(match => match?.[1]), answered.map(match => match?.[3]), 'what was asked for is what arrived')
  const [first, second, third, fourth] = answered.map(match => match?.[2])
  t.not(first, second)
  t.same([third, fourth], [first, second])
})

example('weights.js', 'weight 3 gets exactly three of four requests, spread out', (t, lines) => {
  const answers = words(lines[0])
  t.equal(answers.length, 8)
  t.equal(count(answers, 'big'), 6)
  t.equal(count(answers.slice(0, 4), 'small'), 1, 'one in every round')
  t.equal(count(answers.slice(4), 'small'), 1)
})

example('health.js', 'an ill target gets nothing until it is well again', (t, lines) => {
  t.same(lines, [
    'both are well: a a b b',
    'b was up and is down, status 503: a a a a',
    'b was down and is up, probes succeed: a a b b'
  ])
})

example('least-requests.js', 'the slow target gets half of the requests in turn, and fewer by least requests', (t, lines) => {
  t.equal(lines[0], 'round-robin: 6 fast, 6 slow')
  const [, fast, slow] = /^least-requests: (\d+) fast, (\d+) slow$/.exec(lines[1] ?? '') ?? []
  t.equal(Number(fast) + Number(slow), 12)
  t.ok(Number(slow) < 6, `${slow} is less than half`)
})

example('sticky-by-hash.js', 'a user stays on a target, and moves only when that target leaves', (t, lines) => {
  const border = lines.indexOf('c has left')
  t.equal(border, 6)
  const before = lines.slice(0, border)
  const after = lines.slice(border + 1)
  t.equal(after.length, before.length)
  before.forEach((line, i) => {
    const [was] = words(line)
    t.match(line, /^\w+: ([abc]) \1 \1$/)
    if (was === 'c') t.match(after[i], /^\w+: ([ab]) \1 \1$/)
    else t.equal(after[i], line)
  })
})

example('failover-of-a-streamed-post.js', 'the upload reaches the second target whole', (t, lines) => {
  t.same([...lines].sort(), ['the file is whole', 'unsent: ECONNREFUSED, then answered: 200'])
})

example('custom-policy.js', 'the fastest target gets everything after both have been tried', (t, lines) => {
  const answers = words(lines[0])
  t.equal(answers.length, 8)
  t.same(answers.slice(0, 2), ['far', 'near'], 'each is tried once')
  t.ok(count(answers, 'near') > count(answers, 'far'), answers.join(' '))
})

example('add-and-remove-at-run-time.js', 'targets join, are drained, return and leave without a request lost', (t, lines) => {
  t.same(lines, [
    'only a: a a a a',
    'b has joined: a a b b',
    'b is draining: a a a a',
    'a has left, what was under way got 200 and 200: b b b b'
  ])
})

example('dns-discovery.js', 'targets come as they are told of, are asked for by their name, and stay when it fails', (t, lines) => {
  t.same(lines, ['one: a, asked for as api.internal', 'two: a, asked for as api.internal; b, asked for as api.internal', 'SERVFAIL: still 2'])
})

example('in-an-existing-app.js', 'the hooks of the app and of the route apply to what is forwarded', (t, lines) => {
  t.same(lines, [
    'req-1 /about 200 {"version":1}',
    'req-2 /api/orders 401 {"error":"who are you?"}',
    'req-3 /api/orders 200 {"path":"/v2/orders","user":"ada"}'
  ])
})

example('explain.js', 'the steps of a decision, and who would be next', (t, lines) => {
  t.same(lines, [
    'picked a: it is the first in the order of the configuration',
    'attempt 1: unsent',
    'decided: move_on',
    'picked b: it is the first in the order of the configuration',
    'attempt 2: answered',
    'decided: pass_on',
    'Now b would be picked: it is the first in the order of the configuration. Left out: a, draining.'
  ])
})

example('prometheus.js', 'counters of a pool and its targets', (t, lines) => {
  t.same(lines, [
    'fastify_balancer_requests_total{pool="users",code="answered_elsewhere",status="2xx"} 3',
    'fastify_balancer_retries_total{pool="users"} 3',
    'fastify_balancer_answered_elsewhere_total{pool="users"} 3',
    'fastify_balancer_target_attempts_total{pool="users",target="http://refusing",outcome="unsent"} 3',
    'fastify_balancer_target_attempts_total{pool="users",target="http://well",outcome="answered"} 3'
  ])
})

example('aggregation.js', 'the answers of two pools are one', (t, lines) => {
  t.same(lines, ['{"id":"42","name":"Ada","orders":[{"user":"42","item":"tea"}]}'])
})

example('websocket.js', 'hooks come first, a target that is down is passed over, a drained one closes with 1001', (t, lines) => {
  t.same(lines, ['stranger: Unexpected server response: 401', 'ada: a heard hello', 'ada: closed with 1001'])
})

example('opentelemetry.js', 'the attempts are below the request, and the target is told of the second one', (t, lines) => {
  t.same(lines, [
    'GET: unsent, first, ECONNREFUSED',
    'GET: answered, retry, 200',
    'GET /api/*: answered_elsewhere, 200',
    'both attempts are children of the request, and the target was told of the second one'
  ])
})

example('graceful-shutdown.js', 'not ready any more, every answer ends its connection, exit code 0', (t, lines) => {
  t.same(lines, [
    '/ready 200 connection: keep-alive',
    '/api/quick 200 quick, connection: keep-alive',
    'SIGTERM',
    '/ready 503 connection: close',
    '/api/quick 200 quick, connection: close',
    '/api/slow 200 slow, connection: close',
    'exit code 0'
  ])
})

tested.add('kubernetes.js')
t.test('kubernetes.js: every ready pod answers, and one that terminates is drained', async t => {
  const api = await ApiServer.start(t)
  const kubeconfig = join(t.testdir({}), 'config')
  writeFileSync(kubeconfig, api.configFile())
  const changes = usersSlice('users-a', ['127.0.0.1'])
  const [a, b] = await Promise.all(['a', 'b'].map(async name => await upstream(t, (_, response) => {
    response.end(name)
    if (name === 'b') api.apply({ ...changes, metadata: { ...changes.metadata, name: 'users-b' }, ports: [{ port: b?.port ?? 0 }], endpoints: [{ ...ready, conditions: { serving: true, terminating: true } }] })
  })))
  const ready = { addresses: ['127.0.0.1'] }
  for (const [name, pod] of [['users-a', a], ['users-b', b]] as const) {
    api.apply({ ...changes, metadata: { ...changes.metadata, name }, ports: [{ port: pod?.port ?? 0 }], endpoints: [ready] })
  }
  t.same(await run('kubernetes.js', { KUBECONFIG: kubeconfig }), ['2 ready, 0 terminating: a b', '1 ready, 1 terminating: a'])
})

example('jwt.js', 'a bad token gets no further, a good one tells the upstream who it is', (t, lines) => {
  t.same(lines, ['401 Authorization token is invalid: The token is malformed.', '200 user: ada, other spelling: undefined'])
})

example('forward-auth.js', 'another service decides, past a target of its own that is down', (t, lines) => {
  t.same(lines, ['auth is asked about POST /api/orders?full', '401 who are you?', 'auth is asked about POST /api/orders?full', '200 user: ada'])
})

/** Those that need more than Node are run by test/services. */
const ELSEWHERE = ['mutual-tls.js', 'rate-limit-with-redis.js']

example('status.js', 'the sick target is found with its reason, and drained by somebody who may', (t, lines) => {
  t.same(lines, [
    'stranger: 401',
    'sick is down for a while: ejected: status 500, to be tried again in a while',
    'drain: 200, sick is draining'
  ])
})

t.test('every example is tested, listed in the README and shorter than 40 lines', async t => {
  const files = readdirSync(EXAMPLES).filter(name => name.endsWith('.js')).sort()
  t.same(files, [...tested, ...ELSEWHERE].sort())
  const readme = readFileSync(new URL('README.md', EXAMPLES), 'utf8')
  for (const name of files) {
    const lines = readFileSync(new URL(name, EXAMPLES), 'utf8').trimEnd().split('\n')
    t.ok(lines.length < 40, `${name} has ${lines.length} lines`)
    t.match(lines[0], /^\/\/ \S/, `${name} begins by saying what it shows`)
    t.ok(readme.includes(`[${name}](${name})`), `the README lists ${name}`)
  }
})
