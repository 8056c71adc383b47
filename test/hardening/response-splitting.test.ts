import { assertRows } from './responses.js'
import { SPLITTING } from './response-corpus.js'

assertRows(SPLITTING)
