import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import replyFrom from '@fastify/reply-from'
import Fastify from 'fastify'
import { Pool } from 'undici'

/** Answers up to this many bytes are handed over as one Buffer. */
const WHOLE = 16 * 1024

/** Collects a small answer, and passes a large one on as it comes. */
class Handler {
  #respond
  #response
  #stream
  #chunks = []

  constructor (respond) { this.#respond = respond }

  onConnect () {}

  onHeaders (statusCode, raw, resume) {
    const headers = {}
    for (let i = 0; i < raw.length; i += 2) headers[raw[i].latin1Slice().toLowerCase()] = raw[i + 1].latin1Slice()
    delete headers.connection
    this.#response = { statusCode, headers }
    if (Number(headers['content-length']) <= WHOLE) return true
    this.#stream = new Readable({ read: resume, highWaterMark: 128 * 1024 })
    this.#respond(null, { ...this.#response, body: this.#stream })
    return true
  }

  onData (chunk) {
    if (this.#stream !== undefined) return this.#stream.push(chunk)
    this.#chunks.push(chunk)
    return true
  }

  onComplete () {
    if (this.#stream !== undefined) this.#stream.push(null)
    else this.#respond(null, { ...this.#response, body: this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks) })
  }

  onError (error) {
    if (this.#stream !== undefined) this.#stream.destroy(error)
    else this.#respond(error)
  }
}

export default {
  about: 'the floor with reply-from in it: undici\'s dispatch, small answers as one buffer',
  packages: ['@fastify/reply-from', 'undici'],
  can: ['http', 'tls'],

  async start ({ targets: [base], caFile }) {
    const app = Fastify()
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
    const pool = new Pool(base, caFile === undefined ? {} : { connect: { ca: readFileSync(caFile) } })
    const undici = {
      request ({ method, path, headers, body }, respond) { pool.dispatch({ method, path, headers, body: body === '' ? null : body }, new Handler(respond)) }
    }
    await app.register(replyFrom, { base, disableRequestLogging: true, globalAgent: true, undici })
    app.all('/*', (_request, reply) => reply.from())
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }
}
