import { at, type Policy } from '../policy.js'
import type { Target } from '../target.js'

/**
 * Weighted rendezvous hashing: every target scores the key, the highest score wins (Thaler and Ravishankar, 1998;
 * weights as -w / ln(u), Schindelhauer and Schomaker, 2005). Removing a target moves only its own keys, and adding it
 * back brings exactly those back. Scores depend on URLs and keys alone, so all gateways agree. O(n).
 *
 * @param fallback picks for a request without a key
 */
export function hash (fallback: Policy): Policy {
  const seeds = new WeakMap<Target, number>()

  function seedOf (target: Target): number {
    let seed = seeds.get(target)
    if (seed === undefined) {
      seed = mix(hashText(target.url, 0x9747b28c))
      seeds.set(target, seed)
    }
    return seed
  }

  return (targets, pick) => {
    if (pick.key === undefined) return fallback(targets, pick)
    const key = hashText(pick.key, 0x85ebca6b)
    let best = at(targets, 0)
    let highest = -Infinity
    for (const target of targets) {
      const score = -target.weight / Math.log(unit(mix(key ^ seedOf(target))))
      if (score > highest) {
        highest = score
        best = target
      }
    }
    return best
  }
}

/** FNV-1a over the UTF-16 units of a text, 32 bits. */
function hashText (text: string, seed: number): number {
  let h = seed ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output. */
function mix (h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** A 32-bit hash as a number strictly between 0 and 1, so that its logarithm is finite and not 0. */
function unit (h: number): number {
  return ((h >>> 0) + 0.5) / 2 ** 32
}
