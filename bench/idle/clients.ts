import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Connections that have made one request each and are left open. */
export async function openClients (port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    // So many at a time, as they would not all come at the same moment either.
    const some = Array.from({ length: Math.min(50, count - sockets.length) }, async () => await openClient(port))
    sockets.push(...await Promise.all(some))
  }
  return sockets
}

async function openClient (port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await request(socket, '/')
  return socket
}

/** One request on a connection that does nothing else. The answer's body is `{}`. */
export async function request (socket: Socket, path: string): Promise<void> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: idle.test\r\n\r\n`)
  let answer = ''
  while (!answer.endsWith('\r\n\r\n{}')) {
    const [chunk] = await once(socket, 'data') as [Buffer]
    answer += chunk.toString('latin1')
  }
  if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`the gateway answered ${answer.slice(0, 100)}`)
}

export async function closeClients (sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map(async socket => {
    socket.destroy()
    if (!socket.closed) await once(socket, 'close')
  }))
}
