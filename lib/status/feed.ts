import type { Writable } from 'node:stream'
import type { Clock } from '../clock.js'
import { noTimer } from '../clock.js'
import type { Deed, PoolState, PoolTransition, State, TargetState } from './state.js'

/** Everything, as a reader gets it at first, and whenever targets, pools or routes have come or gone. */
export interface FullEvent extends State {
  /** The newest first. */
  readonly transitions: readonly PoolTransition[]
  readonly deeds: readonly Deed[]
}

/** What changes with every request: its place in the pool's list, then in flight, streams, open, busy, latency, attempts, answered, faults. */
export type Row = readonly [index: number, inFlight: number, streams: number, open: number, busy: number, latency: number | null, attempts: number, answered: number, faults: number]

/** What has changed since the last event. Comes every second, even when that is nothing: a reader knows by it that it is still connected. */
export interface TickEvent extends Pick<State, 'at' | 'closing' | 'totals'> {
  /** Requests of each route so far. */
  readonly routes: readonly number[]
  readonly pools: ReadonlyArray<Omit<PoolState, 'targets' | 'name' | 'policy' | 'limits'> & {
    readonly rows: readonly Row[]
    /** Those whose health, weight or the like have changed, whole. */
    readonly targets: ReadonlyArray<readonly [index: number, target: TargetState]>
  }>
  readonly transitions: readonly PoolTransition[]
  readonly deeds: readonly Deed[]
}

export interface FeedSettings {
  readonly clock: Clock
  /** Milliseconds between two events. */
  readonly interval: number
  /** Readers at once, at the most. */
  readonly clients: number
  state (): FullEvent
}

interface Reader {
  readonly stream: Writable
  /** It has yet to take what it was sent, and is sent nothing until it has. */
  waiting: boolean
  /** It has missed an event meanwhile, and is to be told everything. */
  behind: boolean
  end (): void
}

/** Tells its readers how everything is, by server-sent events. There is one timer for all of them, and none while there are none. */
export class Feed {
  readonly #settings: FeedSettings
  readonly #readers = new Set<Reader>()
  #cancel = noTimer
  #last: FullEvent | undefined
  #id = 0

  constructor (settings: FeedSettings) {
    this.#settings = settings
  }

  get full (): boolean { return this.#readers.size >= this.#settings.clients }

  /** Tells `stream` everything now, and what changes from then on until it is closed. */
  add (stream: Writable): void {
    // What the others know is brought up to now, so that what changes next is the same for all.
    this.#tick()
    const reader: Reader = { stream, waiting: false, behind: false, end: () => { stream.end() } }
    const drained = (): void => {
      reader.waiting = false
      if (!reader.behind) return
      reader.behind = false
      if (this.#last !== undefined) this.#write(reader, 'state', this.#last)
    }
    stream.on('drain', drained)
    const gone = (): void => {
      this.#readers.delete(reader)
      stream.removeListener('drain', drained)
      if (this.#readers.size > 0) return
      this.#cancel()
      this.#last = undefined
    }
    stream.once('close', gone)
    stream.once('error', gone)
    this.#readers.add(reader)
    this.#last ??= this.#settings.state()
    this.#write(reader, 'state', this.#last, `retry: ${RETRY}\n`)
    if (this.#readers.size === 1) this.#schedule()
  }

  /** The app closes. */
  end (): void {
    this.#cancel()
    for (const reader of this.#readers) reader.end()
  }

  #schedule (): void {
    this.#cancel()
    this.#cancel = this.#settings.clock.after(this.#settings.interval, () => {
      this.#tick()
      if (this.#readers.size > 0) this.#schedule()
    })
  }

  #tick (): void {
    if (this.#readers.size === 0) return
    const before = this.#last
    const now = this.#settings.state()
    this.#last = now
    const tick = before === undefined ? undefined : changes(before, now)
    const text = tick === undefined ? event(++this.#id, 'state', now) : event(++this.#id, 'tick', tick)
    for (const reader of this.#readers) this.#send(reader, text)
  }

  #write (reader: Reader, name: string, data: object, before = ''): void {
    this.#send(reader, before + event(++this.#id, name, data))
  }

  #send (reader: Reader, text: string): void {
    if (reader.stream.writableEnded) return
    if (reader.waiting) reader.behind = true
    else reader.waiting = !reader.stream.write(text)
  }
}

/** Milliseconds after which a browser connects again. */
const RETRY = 1000

function event (id: number, name: string, data: object): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** What is new in `now`; undefined when they are not about the same targets and routes. */
export function changes (before: FullEvent, now: FullEvent): TickEvent | undefined {
  if (!sameMembers(before, now)) return undefined
  const { at, closing, totals, routes, pools, transitions, deeds } = now
  return {
    at,
    closing,
    totals,
    routes: routes.map(({ requests }) => requests),
    pools: pools.map(({ targets, name: _, policy: __, limits: ___, ...pool }, i) => {
      const rows: Row[] = []
      const changed: Array<readonly [number, TargetState]> = []
      targets.forEach((target, j) => {
        const was = before.pools[i]?.targets[j]
        if (was === undefined || factsDiffer(was, target)) changed.push([j, target])
        else if (rowDiffers(was, target)) rows.push(rowOf(j, target))
      })
      return { ...pool, rows, targets: changed }
    }),
    transitions: newer(transitions, before.transitions),
    deeds: newer(deeds, before.deeds)
  }
}

function sameMembers (before: FullEvent, now: FullEvent): boolean {
  return before.routes.length === now.routes.length && before.pools.length === now.pools.length && before.actions === now.actions &&
    before.routes.every(({ prefix, pool }, i) => prefix === now.routes[i]?.prefix && pool === now.routes[i]?.pool) &&
    now.pools.every(({ name, policy, targets, limits }, i) => {
      const was = before.pools[i]
      return was !== undefined && was.name === name && was.policy === policy && was.targets.length === targets.length &&
        limits.inFlight === was.limits.inFlight && limits.queue === was.limits.queue && limits.streams === was.limits.streams &&
        targets.every(({ url }, j) => url === was.targets[j]?.url)
    })
}

function factsDiffer (a: TargetState, b: TargetState): boolean {
  return a.health !== b.health || a.reason !== b.reason || a.failing !== b.failing || a.since !== b.since || a.until !== b.until || a.weight !== b.weight || a.priority !== b.priority ||
    a.zone !== b.zone || a.share !== b.share || a.limit !== b.limit || a.ejections !== b.ejections || a.cause !== b.cause
}

function rowDiffers (a: TargetState, b: TargetState): boolean {
  return a.inFlight !== b.inFlight || a.streams !== b.streams || a.latency !== b.latency || a.counters.attempts !== b.counters.attempts ||
    a.counters.answered !== b.counters.answered || a.counters.faults !== b.counters.faults || a.connections.open !== b.connections.open || a.connections.busy !== b.connections.busy
}

function rowOf (index: number, { inFlight, streams, connections: { open, busy }, latency, counters: { attempts, answered, faults } }: TargetState): Row {
  return [index, inFlight, streams, open, busy, latency ?? null, attempts, answered, faults]
}

/** Of lists that have the newest first, and grow there. */
function newer<Item extends { readonly at: number }> (list: readonly Item[], before: readonly Item[]): Item[] {
  const known = new Set(before.map(item => JSON.stringify(item)))
  return list.filter(item => item.at >= (before[0]?.at ?? 0) && !known.has(JSON.stringify(item)))
}
