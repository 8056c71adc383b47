import fc from 'fast-check'
import type { Test } from 'tap'

/** Exchanges of one fuzzer within the ordinary tests. */
export const EXCHANGES = Number(process.env['FUZZ_EXCHANGES'] ?? 1500)

/** Properties that are checked side by side, so that the gateway is never idle and exchanges meet. */
const LANES = 8

/** Runs of one seed. */
const RUNS = 25

/**
 * Checks `property`, which returns how many exchanges it has made, until there were so many. What fails is shrunk, and told with
 * its seed and path.
 */
export async function fuzz<Example> (t: Test, exchanges: number, example: fc.Arbitrary<Example>, property: (example: Example) => Promise<number>): Promise<void> {
  const first = Number(process.env['FUZZ_SEED'] ?? 20_240)
  const checked = fc.asyncProperty(example, async example => {
    const made = await property(example)
    done += made
  })
  let seed = first
  let done = 0
  let failed: fc.RunDetails<[Example]> | undefined
  await Promise.all(Array.from({ length: LANES }, async () => {
    for (;;) {
      if (done >= exchanges || failed !== undefined) break
      const result = await fc.check(checked, { seed: seed++, numRuns: RUNS, endOnFailure: true })
      if (result.failed) failed ??= result
    }
  }))
  t.comment(`${done} exchanges, seeds ${first} to ${seed - 1}`)
  if (failed === undefined) return
  // Shrunk with nothing else going on.
  const shrunk = await fc.check(checked, { seed: failed.seed, path: failed.counterexamplePath ?? '', interruptAfterTimeLimit: 60_000 })
  t.comment(`${fc.defaultReportMessage(shrunk) ?? `alone it did not fail again: ${fc.stringify(failed.counterexample)}`}\n${stackOf(shrunk)}`)
  t.fail(`seed ${failed.seed}, path ${failed.counterexamplePath ?? ''}: ${stackOf(failed)}`)
}

function stackOf ({ errorInstance }: { readonly errorInstance: unknown }): string {
  return (errorInstance as Error | null)?.stack ?? ''
}
