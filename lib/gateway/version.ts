import { createRequire } from 'node:module'

/** Of the package; the same way from the sources and from what is built of them. */
export const { version: VERSION } = createRequire(import.meta.url)('../../package.json') as { readonly version: string }
