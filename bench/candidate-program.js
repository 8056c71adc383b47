/** A candidate of Node in a process of its own: `candidate-program.js <URL of its file> <JSON of its setup>`. */
const [file, setup] = process.argv.slice(2)

// Ctrl-C reaches the whole process group; the parent decides when its gateways end.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => { process.exit() })
// For systems where nobody can look from outside.
process.on('message', ({ id }) => {
  const { user, system } = process.cpuUsage()
  process.send({ id, value: { cpu: (user + system) * 1000, memory: process.memoryUsage.rss() } })
})

const { default: candidate } = await import(file)
process.send({ ready: await candidate.start(JSON.parse(setup)) })
