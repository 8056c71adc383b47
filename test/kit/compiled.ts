/**
 * The library as JavaScript. A child process that has to make it for itself takes twice as long to start, and there are hundreds of
 * them. What was made of the same sources before is used again, by all test files.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Within the project, where packages are found from. */
const CACHE = join(ROOT, 'node_modules/.cache/fastify-balancer-tests')

/** @returns the directory that stands for `lib/` */
export function compiledLib (): string {
  const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts')).sort()
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package.json')))
  for (const file of files) hash.update(file).update(readFileSync(join(ROOT, 'lib', file)))
  const directory = join(CACHE, hash.digest('hex').slice(0, 16))
  if (!existsSync(directory)) make(directory, files)
  return join(directory, 'lib')
}

function make (directory: string, files: readonly string[]): void {
  // Several files may be at it at once: each makes its own, and the first one to be ready counts.
  const aside = `${directory}-${process.pid}`
  mkdirSync(aside, { recursive: true })
  buildSync({
    entryPoints: files.map(file => join(ROOT, 'lib', file)),
    outbase: join(ROOT, 'lib'),
    outdir: join(aside, 'lib'),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    tsconfig: join(ROOT, 'tsconfig.json')
  })
  writeFileSync(join(aside, 'package.json'), readFileSync(join(ROOT, 'package.json')))
  // The page of the status API is built into it.
  symlinkSync(join(ROOT, 'dist'), join(aside, 'dist'))
  try {
    renameSync(aside, directory)
  } catch {
    rmSync(aside, { recursive: true })
  }
}
