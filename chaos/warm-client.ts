import { Load } from './load.js'
import { Upstream } from './upstream.js'

/** Requests per second: gentle enough for a client that is cold. */
const RATE = 200

/** Runs through the client's own code. What is slow while that is cold would be charged to the first gateway. */
export async function warmClient (requests: number): Promise<void> {
  const upstream = new Upstream()
  await upstream.start()
  await new Load(upstream.url, { rate: RATE, count: requests, posts: 0.2 }).answers
  await upstream.kill()
}
