import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Where the examples are. */
export const EXAMPLES = new URL('../../examples/', import.meta.url)

/** Maps `fastify-balancer` to the sources, so that no build is needed. */
const FROM_SOURCE = fileURLToPath(new URL('from-source.tsconfig.json', import.meta.url))

/** What an example prints, line by line; rejects when it does not end by itself or not with exit code 0. */
export async function run (name: string, env: Record<string, string> = {}): Promise<string[]> {
  const file = fileURLToPath(new URL(name, EXAMPLES))
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
      env: { ...process.env, ...env, TSX_TSCONFIG_PATH: FROM_SOURCE },
      timeout: 60_000
    }, (error, stdout) => {
      if (error === null) resolve(stdout.trimEnd().split('\n'))
      else reject(error)
    })
  })
}
