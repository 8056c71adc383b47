/** What the demo is played with: two prefixes, five upstreams. */

export interface UpstreamConfig {
  readonly name: string
  /** What is special about it, for the view. */
  readonly note: string
  readonly weight: number
  /** Shortest and longest time to an answer, ms. */
  readonly takes: readonly [number, number]
  /** Dies and comes back. */
  readonly mortal: boolean
}

export interface PoolConfig {
  readonly name: string
  readonly prefix: string
  readonly policy: 'round-robin' | 'least-requests'
  /** Requests per second of the load generator. */
  readonly rate: number
  readonly upstreams: readonly UpstreamConfig[]
}

const steady = { note: '', weight: 1, takes: [4, 16], mortal: false } as const

export const SCENE: readonly PoolConfig[] = [
  {
    name: 'users',
    prefix: '/users',
    policy: 'least-requests',
    rate: 60,
    upstreams: [
      { ...steady, name: 'users-1' },
      { ...steady, name: 'users-2', note: 'slow', takes: [120, 200] },
      { ...steady, name: 'users-3', note: 'dies', mortal: true }
    ]
  },
  {
    name: 'orders',
    prefix: '/orders',
    policy: 'round-robin',
    rate: 40,
    upstreams: [
      { ...steady, name: 'orders-1' },
      { ...steady, name: 'orders-2', note: 'heavy', weight: 3 }
    ]
  }
]
