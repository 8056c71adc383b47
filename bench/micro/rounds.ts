/**
 * Interleaved rounds over things that can be done many times. What counts is the time of the processor: others may be busy on the
 * same machine.
 */
const { cpuUsage, hrtime, memoryUsage } = process

export interface Subject {
  /** Does it `count` times, and says what part of the time, in any unit, each of its parts took altogether. */
  readonly run: (count: number) => readonly number[]
}

/** Nanoseconds per operation: for each part, one figure per round. */
export type Measured = readonly number[][]

export interface RoundOptions {
  readonly rounds: number
  /** How long one subject is at it per round. */
  readonly milliseconds: number
}

/** Reading the clock must not count. */
const SHORTEST_BATCH = 32
const LONGEST_BATCH = 1_000_000
/** Dispatching takes a few KiB each, which a collection in the middle would hide. */
const COUNTED = 1000
const WARM_UPS = 30

/** All subjects take turns in every round, and each round begins with another one. */
export function measure (subjects: readonly Subject[], { rounds, milliseconds }: RoundOptions): Measured[] {
  const batches = subjects.map(subject => batchOf(subject, milliseconds))
  const results = subjects.map((): number[][] => [])
  // The first round does not count: what other sizes have taught the compiler shows only then.
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const i = (turn + round + 1) % subjects.length
      const [subject, count, result] = [subjects[i], batches[i], results[i]]
      if (subject === undefined || count === undefined || result === undefined) continue
      subject.run(Math.min(count, SHORTEST_BATCH))
      const before = cpuUsage()
      const parts = subject.run(count)
      const { user, system } = cpuUsage(before)
      if (round < 0) continue
      const whole = parts.reduce((sum, part) => sum + part, 0)
      parts.forEach((part, i) => { (result[i] ??= []).push((user + system) * 1000 * part / whole / count) })
    }
  }
  return results
}

/** Bytes per operation, one figure per round; needs `--expose-gc` and a large young generation. */
export function count (subjects: readonly Subject[], { rounds }: RoundOptions): number[][] {
  // Often enough for the compiler to have done what it does.
  for (let i = 0; i < WARM_UPS; i++) for (const subject of subjects) subject.run(COUNTED)
  return subjects.map(subject => Array.from({ length: rounds }, () => bytesOf(subject, COUNTED)))
}

/** How many make up so many milliseconds, once the compiler has done what it does. */
function batchOf (subject: Subject, milliseconds: number): number {
  let count = SHORTEST_BATCH
  const warm = hrtime.bigint() + BigInt(Math.round(10 * milliseconds * 1e6))
  for (;;) {
    const start = hrtime.bigint()
    subject.run(count)
    const end = hrtime.bigint()
    const each = Number(end - start) / count
    count = Math.round(Math.min(LONGEST_BATCH, Math.max(SHORTEST_BATCH, milliseconds * 1e6 / each)))
    if (end > warm) return count
  }
}

const NOTHING: Subject = { run: () => [] }

function bytesOf (subject: Subject, count: number): number {
  const own = allocated(NOTHING, count)
  return (allocated(subject, count) - own) / count
}

function allocated (subject: Subject, count: number): number {
  // Short: only what is new is of interest, and a whole collection of many targets takes its time.
  globalThis.gc?.({ type: 'minor' })
  const before = memoryUsage().heapUsed
  subject.run(count)
  return memoryUsage().heapUsed - before
}
