/** Tells the parent that all is ready, and runs the load when it asks for it. */
export function serve (run) {
  // Ctrl-C reaches the whole process group; the parent decides when its load ends.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
  process.on('disconnect', () => { process.exit() })
  process.on('message', async ({ id, seconds }) => { process.send({ id, value: await run(seconds) }) })
  process.send({ ready: true })
}
