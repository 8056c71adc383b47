import { readFile, writeFile } from 'node:fs/promises'

const BEGIN = '<!-- micro -->'
const END = '<!-- /micro -->'

/** Puts `text` between the markers of a page. */
export function between (page: string, text: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} … ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n${text}${page.slice(end)}`
}

export async function writeDocs (text: string): Promise<void> {
  const path = new URL('../../docs/performance.md', import.meta.url)
  await writeFile(path, between(await readFile(path, 'utf8'), text))
}
