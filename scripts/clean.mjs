// A build starts from nothing, so that a file that was removed is not shipped for ever.
import { rmSync } from 'node:fs'

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
