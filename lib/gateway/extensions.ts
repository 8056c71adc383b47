import { SOURCES } from './discovery.js'
import { GUARDS } from './guards.js'
import type { Extensions } from './schema.js'

/** Everything that a document may have. */
export const EXTENSIONS: Extensions = { sources: SOURCES, guards: GUARDS }
