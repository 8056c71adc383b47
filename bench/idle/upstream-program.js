// Answers everything, on every address of this machine, and does as little as it can beside that.
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '2' }).end('{}')
})
server.keepAliveTimeout = 0
server.listen(0, '0.0.0.0', 4096, () => { process.send?.({ port: server.address().port }) })
process.once('disconnect', () => { process.exit() })
