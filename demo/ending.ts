/** Everything that may end the demo before its time, as one AbortController. */

const CTRL_C = '\x03'

/** How often to see whether npm is still there, ms. */
const PARENT_CHECK = 250

export function ending (): AbortController {
  const controller = new AbortController()
  const end = (): void => { controller.abort() }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  // Whoever was reading has gone.
  process.stdout.on('error', end)
  if (process.env['npm_lifecycle_event'] !== undefined) onOrphaned(end)
  return controller
}

/** npm runs scripts in a shell, and a shell that is killed passes no signal on. */
function onOrphaned (end: () => void): void {
  const parent = process.ppid
  setInterval(() => { if (process.ppid !== parent) end() }, PARENT_CHECK).unref()
}

/**
 * Reads Ctrl-C as a key until `signal` is aborted. As a signal it would reach npm and its shell as well, which answer
 * it with exit code 130, and print ^C into the view.
 */
export function readKeys (input: NodeJS.ReadStream, ending: AbortController): void {
  if (!input.isTTY) return
  input.setRawMode(true)
  input.setEncoding('utf8').on('data', (keys: string) => { if (keys.includes(CTRL_C) || keys.includes('q')) ending.abort() })
  ending.signal.addEventListener('abort', () => {
    input.setRawMode(false)
    input.pause()
  })
}
