import { fileURLToPath } from 'node:url'

const file = (name: string): string => fileURLToPath(new URL(`../../test/kit/tls/${name}`, import.meta.url))

/** That of the tests: for `localhost` and 127.0.0.1. */
export const certificate = { caFile: file('ca.pem'), certFile: file('server.pem'), keyFile: file('server-key.pem') }
