'use strict'
// The layers are read from the table in docs/architecture.md: what the page says is what is checked.
const { readFileSync, readdirSync } = require('node:fs')
const { join } = require('node:path')

const page = readFileSync(join(__dirname, 'docs', 'architecture.md'), 'utf8')
const layers = new Map()
for (const [, layer, names] of page.matchAll(/^\| (\d+) \| (.+?) \|/gm)) {
  for (const [, name] of names.matchAll(/`([\w/.*-]+\.ts)`/g)) layers.set(name, Number(layer))
}

const files = readdirSync(join(__dirname, 'lib'), { recursive: true })
  .map(name => name.replaceAll('\\', '/')).filter(name => name.endsWith('.ts'))
const layerOf = name => layers.get(name) ?? layers.get(name.replace(/[^/]+\.ts$/, '*.ts'))
const homeless = files.filter(name => layerOf(name) === undefined)
if (homeless.length > 0) throw new Error(`docs/architecture.md has no layer for ${homeless.join(', ')}`)
const gone = [...layers.keys()].filter(name => !name.includes('*') && !files.includes(name))
if (gone.length > 0) throw new Error(`docs/architecture.md has a layer for ${gone.join(', ')}, which is not in lib`)

const exactly = names => `^lib/(${names.map(name => name.replaceAll('.', '\\.')).join('|')})$`

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true }, to: {} },
    ...[...new Set(layers.values())].map(layer => ({
      name: `layer-${layer}-imports-only-from-lower-ones`,
      severity: 'error',
      from: { path: exactly(files.filter(name => layerOf(name) === layer)) },
      to: { path: exactly(files.filter(name => layerOf(name) >= layer)) }
    }))
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] }
  }
}
