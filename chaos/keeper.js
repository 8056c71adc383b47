/** Runs a command, and ends it when the parent is gone: `keeper.js <command> <argument>...`. */
import { spawn } from 'node:child_process'

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
child.on('error', error => {
  console.error(`${command}: ${error.message}`)
  process.exit(1)
})
child.on('exit', code => { process.exit(code ?? 1) })

const end = () => { child.kill('SIGTERM') }
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
process.on('disconnect', end)
