import { guards } from '../guards/index.js'
import { SOURCES } from './discovery.js'
import type { Extensions } from './schema.js'

/** Everything that a document may have. */
export const EXTENSIONS: Extensions = { sources: SOURCES, guards }
