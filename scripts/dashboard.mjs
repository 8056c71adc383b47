// Builds the page of the status plugin into dist/status/page: script and style under names that change with what is in them, and
// everything compressed beforehand. Takes a moment, and no network.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const out = new URL('dist/status/page/', root)
// Built aside and put in place at once: tests and the demo may read while another one builds.
const aside = new URL(`dist/status/page-${process.pid}/`, root)

const { outputFiles } = await build({
  entryPoints: { app: fileURLToPath(new URL('dashboard/main.tsx', root)), style: fileURLToPath(new URL('dashboard/style.css', root)) },
  outdir: fileURLToPath(out),
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: ['es2022', 'chrome105', 'firefox110', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none'
})

const files = new Map()
let page = readFileSync(new URL('dashboard/index.html', root), 'utf8')
for (const { path, contents } of outputFiles) {
  const [, name, extension] = /([^/\\]+)\.(js|css)$/.exec(path)
  const hashed = `${name}.${createHash('sha256').update(contents).digest('hex').slice(0, 12)}.${extension}`
  page = page.replace(`"${name}.${extension}"`, `"${hashed}"`)
  files.set(hashed, Buffer.from(contents))
}
files.set('index.html', Buffer.from(page))

mkdirSync(aside, { recursive: true })
let size = 0
for (const [name, contents] of files) {
  const br = brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } })
  writeFileSync(new URL(name, aside), contents)
  writeFileSync(new URL(`${name}.gz`, aside), gzipSync(contents, { level: 9 }))
  writeFileSync(new URL(`${name}.br`, aside), br)
  size += br.length
}
writeFileSync(new URL('manifest.json', aside), JSON.stringify([...files.keys()]))
rmSync(out, { recursive: true, force: true })
renameSync(aside, out)
console.log(`dashboard: ${(size / 1024).toFixed(1)} KB compressed`)
