import { isDeepStrictEqual } from 'node:util'
import { connect } from 'node:net'
import fc from 'fast-check'
import type { Test } from 'tap'
import { gateway, rawUpstream, sha256, until } from '../kit/index.js'
import { parseRequest, parseResponse, values, Violation, type RawRequest, type RawResponse } from '../kit/raw-parse.js'
import { mutated, mutations, piecesOf } from './bytes.js'
import { conversation, endToEnd, expected, written, type Conversation, type GeneratedRequest } from './requests.js'
import { fuzz } from './run.js'
import { Wire } from './wire.js'

/** Client requests of every shape through one gateway, to an upstream that takes them apart strictly. */
export async function fuzzRequests (t: Test, exchanges: number): Promise<void> {
  /** What the upstream saw, by the port of the client: also when that has left. */
  const seen = new Map<number, RawRequest[]>()
  const violations: string[] = []
  const target = await rawUpstream(t, socket => {
    const wire = new Wire(socket)
    void serve(wire).catch((error: unknown) => {
      violations.push(`${String(error)} in ${JSON.stringify(wire.rest.slice(0, 500))}`)
      wire.destroy()
    })
  })
  async function serve (wire: Wire): Promise<void> {
    for (;;) {
      const request = await wire.read(text => parseRequest(text, 0)).catch((error: unknown) => {
        if (error instanceof Violation) throw error
        // Nothing came for a while.
        return undefined
      })
      if (request === undefined) {
        wire.destroy()
        return
      }
      const requests = seen.get(Number(values(request.fields, 'x-connection')[0]))
      if (requests === undefined) violations.push(`a request of nobody: ${request.target}`)
      requests?.push(request)
      const answer = answerTo(request)
      await wire.write([`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\nX-Upstream: yes\r\n\r\n${request.method === 'HEAD' ? '' : answer}`])
    }
  }
  const errors: string[] = []
  const { app, port } = await gateway(t, { name: 'pool', prefix: '/f', targets: [target] }, {
    logger: { level: 'error', stream: { write: (line: string) => { if (!line.includes('FST_BALANCER_TRANSFER_CODING')) errors.push(line) } } },
    before: app => {
      app.addHook('onRequest', (request, _reply, done) => {
        request.headers['x-connection'] = String(request.raw.socket.remotePort)
        done()
      })
    }
  })

  /** Runs `talk` on a connection of its own; what the upstream saw of it is collected meanwhile. */
  async function onConnection<T> (talk: (wire: Wire, requests: RawRequest[]) => Promise<T>): Promise<T> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const wire = new Wire(socket)
    await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
    const { port: own } = wire
    const requests: RawRequest[] = []
    seen.set(own, requests)
    const result = await talk(wire, requests).finally(() => { wire.destroy() })
    assert(violations.length === 0, `upstream: ${violations.splice(0).join('\n')}`)
    const logged = errors.find(line => line.includes(`"remotePort":${own}`))
    assert(logged === undefined, `log: ${logged}`)
    return result
  }

  async function valid ({ requests, pipelined, cuts }: Conversation): Promise<number> {
    return await onConnection(async (wire, seen) => {
      // An old client has the connection closed behind its answer.
      const old = requests.findIndex(({ old }) => old)
      const sent = old === -1 ? requests : requests.slice(0, old + 1)
      const texts = sent.map((request, i) => written(request, i))
      if (pipelined) await wire.write(piecesOf(texts.map(({ head, content }) => head + content).join(''), cuts))
      for (const [i, request] of sent.entries()) {
        const { head, content, expects } = texts[i] as ReturnType<typeof written>
        let response: RawResponse | undefined
        if (!pipelined) {
          if (expects && request.expect === 'patient') {
            await wire.write(piecesOf(head, cuts))
            const interim = await wire.read((text, over) => parseResponse(text, 0, request.method, over))
            if (interim?.status === 100) await wire.write(piecesOf(content, cuts))
            else response = interim
          } else {
            await wire.write(piecesOf(head + content, cuts))
          }
        }
        response ??= await final(wire, request.method)
        assert(response !== undefined, `request ${i} was not answered`)
        if (!check(request, i, response, seen)) return i + 1
      }
      assert(wire.rest === '', `behind the answers came ${wire.rest}`)
      assert(seen.length === sent.filter((request, i) => expected(request, i).target !== undefined).length, 'the upstream saw another number of requests')
      return sent.length
    })
  }

  /** @returns whether the connection goes on */
  function check (request: GeneratedRequest, i: number, response: RawResponse, seen: RawRequest[]): boolean {
    const { target: path, fields, body } = expected(request, i)
    const mine = seen.filter(({ fields }) => values(fields, 'x-exchange')[0] === String(i))
    if (path === undefined) {
      assert(response.status === 400 && mine.length === 0, `a path that climbs: ${response.status}, ${mine.length} upstream`)
    } else {
      assert(response.status === 200 && response.complete, `answered ${response.status} ${response.body}`)
      const [upstream] = mine
      assert(upstream !== undefined && mine.length === 1, `${mine.length} requests upstream`)
      assert(upstream.method === request.method, `method ${upstream.method}`)
      assert(upstream.target === path, `target ${upstream.target}`)
      assert(upstream.body === body, `a body of ${upstream.body.length} and not ${body.length} bytes, or another one`)
      const through = endToEnd(upstream.fields)
      assert(isDeepStrictEqual({ ...through }, { ...fields }), `fields ${JSON.stringify(through)} and not ${JSON.stringify(fields)}`)
      assert(values(upstream.fields, 'host')[0] === target.slice('http://'.length), 'host')
      assert(values(upstream.fields, 'via').at(-1)?.endsWith(`1.${request.old ? 0 : 1} fastify-balancer`) === true, 'via')
      assert(values(upstream.fields, 'x-forwarded-for')[0] === '127.0.0.1', 'x-forwarded-for')
      assert(['trailers', undefined].includes(values(upstream.fields, 'te')[0]), 'te')
      if (request.method !== 'HEAD') assert(response.body === answerTo(upstream), `the answer of another request: ${response.body}`)
    }
    const closing = values(response.fields, 'connection').includes('close')
    // A body that came unasked may leave no time to say that it was wanted.
    assert(!closing || request.old || path === undefined || request.expect !== 'no', 'closed for no reason')
    return !closing
  }

  async function changed ({ conversation: { requests, cuts }, mutations }: Changed): Promise<number> {
    return await onConnection(async (wire, seen) => {
      const texts = requests.map((request, i) => written(plainer(request), i))
      const all = texts.map(({ head, content }) => head + content)
      const at = mutations.length % all.length
      const text = all.map((text, i) => i === at ? mutated(text, mutations) : text).join('')
      await wire.write(piecesOf(text, cuts))
      wire.end()
      for (;;) {
        const response = await final(wire, 'GET')
        if (response === undefined) break
        const { status, fields, body } = response
        assert(status === 200 ? values(fields, 'x-upstream')[0] === 'yes' : body.includes('FST_BALANCER_TRANSFER_CODING') || (status >= 400 && status < 500), `answered ${status} ${body}`)
      }
      assert(wire.rest === '', `behind the answers came ${wire.rest}`)
      const strict = readStrictly(text)
      assert(seen.length <= Math.max(all.length, strict.length), `${seen.length} requests upstream for ${all.length}`)
      for (const upstream of seen) {
        assert(upstream.target !== '/smuggled' || strict.some(({ target }) => target.endsWith('/smuggled')), 'smuggled')
      }
      return all.length
    })
  }

  interface Changed { readonly conversation: Conversation, readonly mutations: Parameters<typeof mutated>[1] }
  const example = fc.oneof(
    { weight: 3, arbitrary: conversation.map(conversation => ({ conversation, mutations: [] })) },
    { weight: 2, arbitrary: fc.record({ conversation: conversation.map(({ requests, ...rest }) => ({ ...rest, requests: requests.slice(0, 3) })), mutations }) }
  ) as fc.Arbitrary<Changed>
  await fuzz(t, exchanges, example, async example => await (example.mutations.length === 0 ? valid(example.conversation) : changed(example)))
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.same(violations, [])
  t.same(errors, [])
}

async function final (wire: Wire, method: string): Promise<RawResponse | undefined> {
  for (;;) {
    const response = await wire.read((text, over) => parseResponse(text, 0, method, over))
    if (response === undefined || response.status >= 200) return response
  }
}

/** Where an answer to HEAD ends would not be known once the method is changed; and the strict reader knows neither extensions nor the absolute form. */
function plainer (request: GeneratedRequest): GeneratedRequest {
  const { method, path, chunking } = request
  return {
    ...request,
    old: false,
    method: method === 'HEAD' ? 'GET' : method,
    path: { ...path, absolute: false },
    chunking: chunking === undefined ? undefined : { ...chunking, extension: '' }
  }
}

/** The requests that a strict reader finds before the first thing that is wrong. */
function readStrictly (text: string): RawRequest[] {
  const requests: RawRequest[] = []
  try {
    for (let at = 0, parsed; (parsed = parseRequest(text, at)) !== undefined; at = parsed.end) requests.push(parsed.message)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
  }
  return requests
}

function answerTo ({ fields, body }: RawRequest): string {
  return `${values(fields, 'x-connection')[0]} ${values(fields, 'x-exchange')[0]} ${sha256(Buffer.from(body, 'latin1'))}`
}

function assert (condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
