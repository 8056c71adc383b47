import { assertRows } from './responses.js'
import { ODD } from './response-corpus.js'

assertRows(ODD)
