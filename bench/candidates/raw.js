import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Pool } from 'undici'

/** Passes an answer on as it comes. */
class Handler {
  #response
  #resume

  constructor (response) { this.#response = response }

  onConnect (abort) {
    this.#response.on('close', () => { if (!this.#response.writableFinished) abort() })
  }

  onHeaders (status, headers, resume) {
    this.#resume = resume
    this.#response.writeHead(status, headers.map(bytes => bytes.toString('latin1')))
    return true
  }

  onData (chunk) {
    if (this.#response.write(chunk)) return true
    this.#response.once('drain', this.#resume)
    return false
  }

  onComplete () { this.#response.end() }

  onError () {
    if (this.#response.headersSent) this.#response.destroy()
    else this.#response.writeHead(502).end()
  }
}

export default {
  about: 'the floor: node:http and undici\'s dispatch, nothing between',
  packages: ['undici'],
  can: ['http', 'tls', 'events'],

  async start ({ targets: [origin], caFile }) {
    const pool = new Pool(origin, caFile === undefined ? {} : { connect: { ca: readFileSync(caFile) } })
    const server = createServer((request, response) => {
      const { method, url: path, headers: { connection, ...headers } } = request
      const body = method === 'GET' ? null : request
      pool.dispatch({ method, path, headers, body }, new Handler(response))
    })
    await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${server.address().port}`
  }
}
