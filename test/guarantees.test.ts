import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const root = new URL('..', import.meta.url)
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8')

const GROUPS = ['Requests', 'Responses', 'Paths', 'Bodies', 'Upgrades and streams', 'TLS', 'Security', 'Failure', 'Load and shares', 'Observing', 'Closing']

/** What the promises say, by their group: `- words: ` and the test, in backquotes. */
function promises (page: string): Map<string, Array<{ words: string, file: string, name: string }>> {
  const groups = new Map<string, Array<{ words: string, file: string, name: string }>>()
  for (const section of page.split(/^## /m).slice(1)) {
    const [title = '', ...lines] = section.split('\n')
    if (title === 'Not promised') continue
    const entries = lines.filter(line => line.trim() !== '').map(line => {
      const [, words = '', file = '', name = ''] = /^\* (.+) `(test\/\S+\.test\.ts) › ([^`]+)`$/.exec(line) ?? []
      return { words: words === '' ? line : words, file, name }
    })
    groups.set(title, entries)
  }
  return groups
}

/** The names of the tests in a source; what a template puts into one is `…`. */
function declared (source: string): Set<string> {
  const names = new Set<string>()
  for (const { 0: start, 1: quote, index } of source.matchAll(/\b\w+\.test\(\s*(['"`])/g)) {
    let name = ''
    let depth = 0
    for (let i = index + start.length; i < source.length; i++) {
      const char = source[i] ?? ''
      if (depth > 0) depth += char === '{' ? 1 : char === '}' ? -1 : 0
      else if (char === quote) break
      else if (char === '\\') name += source[++i] ?? ''
      else if (quote === '`' && source.startsWith('${', i)) {
        name += '…'
        depth = 1
        i++
      } else name += char
    }
    names.add(name)
  }
  return names
}

const page = text('docs/guarantees.md')
const groups = promises(page)

t.test('the promises are grouped, and each group has some', async t => {
  t.same([...groups.keys()], GROUPS)
  for (const [group, entries] of groups) t.ok(entries.length > 0, group)
  t.match(page, /^## Not promised$/m)
})

t.test('every promise has a test by that name', async t => {
  const names = new Map<string, Set<string>>()
  for (const { words, file, name } of [...groups.values()].flat()) {
    t.ok(file !== '' && existsSync(new URL(file, root)), `a file for: ${words}`)
    if (file === '') continue
    if (!names.has(file)) names.set(file, declared(text(file)))
    t.ok(names.get(file)?.has(name), `${file} › ${name}`)
  }
})

t.test('no promise is made twice', async t => {
  const said = [...groups.values()].flat().map(({ words }) => words)
  t.same(said.filter((words, i) => said.indexOf(words) !== i), [])
})

t.test('names are read as tap reads them', async t => {
  const source = [
    "t.test('it\\'s one', async t => {})", 'void t.test(`a $' + '{x ? `b $' + '{y}` : { c: 1 }.c} d`, f)', 'st.test(\n "two", f)', "/x/.test('no')"
  ].join('\n')
  t.same([...declared(source)], ["it's one", 'a … d', 'two'])
})

t.test('the README leads to the promises', async t => {
  t.match(text('README.md'), '](docs/guarantees.md)')
})
