import type { Readable } from 'node:stream'
import type { RequestBody } from '../../lib/body.js'

/** What an attempt sees of a body. */
export function opened (body: RequestBody): Readable {
  return body.open() as Readable
}

export async function read (stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
