import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { merged, type Result } from '../result.js'
import { orderOf } from '../workloads.js'
import { charts } from './charts.js'
import { figures } from './figures.js'

const DOCS = new URL('../../docs/', import.meta.url)

const BEGIN = '<!-- figures: written by `npm run bench -- --docs` -->'
const END = '<!-- end of figures -->'

/** Writes what was found into docs/. Workloads that were not run keep what is there of them, unless that is from another machine. */
export async function writeDocument (found: Result): Promise<void> {
  const json = new URL('benchmarks.json', DOCS)
  const older = await readFile(json, 'utf8').then(text => JSON.parse(text) as Result, () => undefined)
  const all = merged(older, found)
  const result = { ...all, workloads: [...all.workloads].sort((a, b) => orderOf(a.name) - orderOf(b.name) || a.name.localeCompare(b.name)) }
  await writeFile(json, `${JSON.stringify(result)}\n`)

  const drawn = charts(result.workloads)
  const old = (await readdir(DOCS)).filter(name => /^bench-.*\.svg$/.test(name) && !drawn.has(name))
  await Promise.all(old.map(async name => { await rm(new URL(name, DOCS)) }))
  await Promise.all([...drawn].map(async ([name, svg]) => { await writeFile(new URL(name, DOCS), svg) }))

  const page = new URL('benchmarks.md', DOCS)
  await writeFile(page, between(await readFile(page, 'utf8'), figures(result, new Set(drawn.keys()))))
}

/** The page with `text` between its markers. */
export function between (page: string, text: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md has to have '${BEGIN}' and, after it, '${END}'`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${page.slice(end)}`
}
