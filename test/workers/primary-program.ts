/** A primary that does what its parent asks it for, by IPC. */
import { runPrimary, type Primary } from '../../lib/workers/index.js'
import type { Configuration } from './configuration.js'

const { count, configuration, options } = JSON.parse(process.argv[2] ?? '') as { count: number, configuration: Configuration, options: object }
const write = (level: string) => (fields: object, message: string): void => {
  const { err, ...rest } = fields as { err?: Error }
  process.stderr.write(`${JSON.stringify({ ...rest, level, message, err: err?.message })}\n`)
}

// It is there for the tests of what happens meanwhile.
const started = runPrimary<Configuration>({
  count,
  program: new URL('worker-program.ts', import.meta.url),
  args: ['one', 'two'],
  configuration,
  pools: ({ pools }) => pools,
  log: { info: write('info'), warn: write('warn'), error: write('error') },
  ...options
})
started.catch(() => {})

type Call = { readonly id: number, readonly method: 'started' | 'workers' | 'reload' | 'collect' | 'totals' | 'upstreams', readonly args: never[] }

process.on('message', ({ id, method, args }: Call) => {
  void run(method, args).then(
    value => { process.send?.({ id, value }) },
    (error: NodeJS.ErrnoException) => { process.send?.({ id, error: error.message, code: error.code }) }
  )
})

async function run (method: Call['method'], args: never[]): Promise<unknown> {
  const primary: Primary<Configuration> = await started
  switch (method) {
    case 'started': return true
    case 'workers': return primary.workers
    case 'upstreams': return Object.fromEntries(Object.entries(primary.upstreams).map(([name, { targets }]) => [name, targets]))
    case 'reload': return await primary.reload(...args as unknown as [Configuration])
    case 'collect': return await primary.collect(...args as unknown as [string, number])
    case 'totals': return await primary.totals()
  }
}
