// Writes the JSON Schema of gateway documents, for editors: from what was built into dist, unless it is told otherwise.
//   node scripts/schema.mjs [file] [directory of the modules] [ending of their names]
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const [file = `${dist}gateway.schema.json`, from = `${dist}gateway/`, ending = 'js'] = process.argv.slice(2)
const { gatewaySchema } = await import(pathToFileURL(`${from}json-schema.${ending}`).href)
const { EXTENSIONS } = await import(pathToFileURL(`${from}extensions.${ending}`).href)
writeFileSync(file, `${JSON.stringify(gatewaySchema(EXTENSIONS), null, 2)}\n`)
// npm does so when it installs; who runs it from here need not.
if (existsSync(`${from}bin.js`)) chmodSync(`${from}bin.js`, 0o755)
