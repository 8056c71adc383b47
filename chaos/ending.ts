/** Ends the process the usual way on a signal, so that everything that it has started goes with it. */
export function endOnSignals (): void {
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
    process.on(signal, () => { process.exit(128 + number) })
  }
}
