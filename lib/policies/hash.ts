import { at, explained, type Pick, type Policy, type PolicyExplanation } from '../policy.js'
import type { Target } from '../target.js'

/** How many keys are remembered along with their targets, a power of 2, and from how many targets on that is cheaper than to compare. */
const REMEMBERED = 4096
const WORTH_REMEMBERING = 64

/**
 * Weighted rendezvous hashing: every target scores the key, the highest score wins (Thaler and Ravishankar, 1998;
 * weights as -w / ln(u), Schindelhauer and Schomaker, 2005). Removing a target moves only its own keys, and adding it
 * back brings exactly those back. Scores depend on URLs and keys alone, so all gateways agree. O(n) for a new key, two
 * multiplications each, and a logarithm for each different weight; O(1) for most of those that come back.
 *
 * @param fallback picks for a request without a key
 */
export function hash (fallback: Policy): Policy {
  const seeds = new WeakMap<Target, number>()
  let known: readonly Target[] | undefined
  let latest: readonly Target[] | undefined
  let contests: readonly Contest[] = []
  const recent = new Recent()

  function seedOf (target: Target): number {
    let seed = seeds.get(target)
    if (seed === undefined) {
      seed = mix(hashText(target.url, 0x9747b28c))
      seeds.set(target, seed)
    }
    return seed
  }

  /** For a list that may have been made for this pick alone, without those that have been tried. */
  function search (targets: readonly Target[], key: number): Target {
    let best = at(targets, 0)
    let highest = -Infinity
    for (const target of targets) {
      const score = scoreOf(target.weight, mix(key ^ seedOf(target)))
      if (score > highest) {
        highest = score
        best = target
      }
    }
    return best
  }

  function learn (targets: readonly Target[]): void {
    known = targets
    recent.clear()
    const byWeight = new Map<number, number[]>()
    targets.forEach(({ weight }, i) => {
      const indexes = byWeight.get(weight)
      if (indexes === undefined) byWeight.set(weight, [i])
      else indexes.push(i)
    })
    contests = Array.from(byWeight, ([weight, indexes]) => new Contest(weight, indexes, indexes.map(i => seedOf(at(targets, i)))))
  }

  function winner (key: number): number {
    let best = 0
    let highest = -Infinity
    for (const contest of contests) {
      const winner = contest.winner(key)
      const index = contest.indexOf(winner)
      const score = contests.length === 1 ? 0 : contest.scoreOf(winner, key)
      if (score > highest || (score === highest && index < best)) {
        highest = score
        best = index
      }
    }
    return best
  }

  function explain (targets: readonly Target[], pick: Pick): PolicyExplanation {
    if (pick.key === undefined) {
      const other = fallback.explain?.(targets, pick) ?? { next: undefined, because: 'is what the fallback says' }
      return { ...other, because: `${other.because}, since the request has no key` }
    }
    const key = hashText(pick.key, 0x85ebca6b)
    const scores = targets.map(target => scoreOf(target.weight, mix(key ^ seedOf(target))))
    return { next: search(targets, key), scores, unit: 'score of the key, highest first', because: 'has the highest score for the key' }
  }

  return explained((targets, pick) => {
    if (pick.key === undefined) return fallback(targets, pick)
    const key = hashText(pick.key, 0x85ebca6b)
    if (targets !== known) {
      const isNew = targets !== latest
      latest = targets
      if (isNew) return search(targets, key)
      learn(targets)
    }
    if (targets.length < WORTH_REMEMBERING) return at(targets, winner(key))
    let index = recent.get(key)
    if (index < 0) recent.set(key, index = winner(key))
    return at(targets, index)
  }, explain)
}

/** Numbers by the hashes of the keys that were asked for last. Each has two places, so that two keys do not always drive each other out. */
class Recent {
  readonly #hashes = new Int32Array(REMEMBERED)
  readonly #numbers = new Int32Array(REMEMBERED).fill(-1)

  /** -1 for one that is not known, or not any more. */
  get (hash: number): number {
    const place = placeOf(hash)
    if (this.#hashes[place] === hash) return this.#numbers[place] ?? -1
    return this.#hashes[place + 1] === hash ? this.#numbers[place + 1] ?? -1 : -1
  }

  set (hash: number, number: number): void {
    const place = placeOf(hash)
    this.#hashes[place + 1] = this.#hashes[place] ?? 0
    this.#numbers[place + 1] = this.#numbers[place] ?? -1
    this.#hashes[place] = hash
    this.#numbers[place] = number
  }

  clear (): void {
    this.#numbers.fill(-1)
  }
}

function placeOf (hash: number): number {
  return mix(hash) & (REMEMBERED - 2)
}

const UPPER_BIT = -0x80000000
const UPPER_HALF = ~0xffff

/** Between targets of one weight: where the greatest hash is, the highest score is, so only the winner's has to be worked out. */
class Contest {
  readonly #weight: number
  /** In the list of all targets. */
  readonly #indexes: readonly number[]
  /** Not typed: once anything in the process has detached a buffer, V8 asks at each access to any of them whether it is that one. */
  readonly #seeds: readonly number[]

  constructor (weight: number, indexes: readonly number[], seeds: readonly number[]) {
    this.#weight = weight
    this.#indexes = indexes
    // An even number of them: who comes twice does not beat himself.
    this.#seeds = Array.from({ length: seeds.length + seeds.length % 2 }, (_, i) => first(seeds[Math.min(i, seeds.length - 1)] ?? 0))
  }

  winner (key: number): number {
    return greatest(this.#seeds, first(key))
  }

  indexOf (winner: number): number {
    return this.#indexes[winner] ?? 0
  }

  scoreOf (winner: number, key: number): number {
    return scoreOf(this.#weight, finish(first(key) ^ (this.#seeds[winner] ?? 0)))
  }
}

/**
 * The place of the seed that makes the greatest hash with a key. Two at a time, and what `finish` does last only for those
 * that may win: it leaves the upper half as it is, and a hash whose upper half is less has lost already.
 */
function greatest (seeds: readonly number[], key: number): number {
  let winner = 0
  // As signed numbers, with the upper bit turned round: unsigned ones are slower.
  let greatest = UPPER_BIT
  let least = UPPER_BIT
  for (let i = 0; i < seeds.length; i += 2) {
    let hash = almost(key ^ (seeds[i] ?? 0)) ^ UPPER_BIT
    if (hash >= least && (hash = last(hash)) > greatest) {
      greatest = hash
      least = hash & UPPER_HALF
      winner = i
    }
    hash = almost(key ^ (seeds[i + 1] ?? 0)) ^ UPPER_BIT
    if (hash >= least && (hash = last(hash)) > greatest) {
      greatest = hash
      least = hash & UPPER_HALF
      winner = i + 1
    }
  }
  return winner
}

function scoreOf (weight: number, hash: number): number {
  return -weight / Math.log(unit(hash))
}

/** FNV-1a over the UTF-16 units of a text, 32 bits. */
function hashText (text: string, seed: number): number {
  let h = seed ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output. */
function mix (h: number): number {
  return finish(first(h))
}

function first (h: number): number {
  return h ^ (h >>> 16)
}

/** All but its first step, for which it is the same whether two numbers are combined by XOR before it or after. */
function finish (h: number): number {
  h = almost(h)
  return h ^ (h >>> 16)
}

/** All but the last step as well. */
function almost (h: number): number {
  h = Math.imul(h, 0x85ebca6b)
  return Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
}

/** The last step, for a hash whose upper bit has been turned round. */
function last (h: number): number {
  return h ^ ((h ^ UPPER_BIT) >>> 16)
}

/** A 32-bit hash as a number strictly between 0 and 1, so that its logarithm is finite and not 0. */
function unit (h: number): number {
  return ((h >>> 0) + 0.5) / 2 ** 32
}
