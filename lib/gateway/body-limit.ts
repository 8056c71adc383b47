import { Readable } from 'node:stream'
import { errorCodes, type FastifyInstance } from 'fastify'
import { announcesBody } from '../content-type.js'

/** Answers 413 to requests of a scope whose bodies are longer, at once where they say so: what is forwarded is not parsed, for which Fastify has its limit. */
export function limitBodies (scope: FastifyInstance, limit: number): void {
  scope.addHook('preParsing', (request, _reply, payload, done) => {
    const length = request.raw.headers['content-length']
    if (Number(length) > limit) done(tooLarge())
    else if (length === undefined && announcesBody(request.raw)) done(null, new Counted(payload, limit))
    else done(null, payload)
  })
}

function tooLarge (): Error {
  return new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
}

/** A body as it comes, up to a number of bytes. It is not read before somebody reads it: until then the client may wait for `100 Continue`. */
class Counted extends Readable {
  readonly #source: Readable
  readonly #limit: number
  #bytes = 0
  #attached = false

  constructor (source: Readable, limit: number) {
    super()
    this.#source = source
    this.#limit = limit
    // A client that leaves before anybody reads must not bring the process down.
    source.on('error', error => { this.destroy(error) })
  }

  override _read (): void {
    if (this.#attached) {
      this.#source.resume()
      return
    }
    this.#attached = true
    this.#source.on('data', this.#onData)
    this.#source.on('end', () => { this.push(null) })
    this.#source.on('close', () => { if (!this.#source.readableEnded) this.destroy(new Error('the body was cut off')) })
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    // What is left has to leave the client's connection.
    this.#source.off('data', this.#onData)
    this.#source.resume()
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    if (this.#bytes > this.#limit) this.destroy(tooLarge())
    else if (!this.push(chunk)) this.#source.pause()
  }
}
