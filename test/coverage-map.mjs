import { readdirSync } from 'node:fs'
const lib = readdirSync(new URL('../lib', import.meta.url), { recursive: true }).filter(f => f.endsWith('.ts')).map(f => `lib/${f}`)
export default () => lib
