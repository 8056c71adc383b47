#!/usr/bin/env node
// Before anything else is loaded: a signal that nobody hears, and an output that nobody reads any more, end a process.
process.on('SIGHUP', () => {})
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error })
}

const { main } = await import('./main.js')
process.exitCode = await main(process.argv.slice(2), process)

export {}
