import { readFile } from 'node:fs/promises'
import { check, type Checked } from './check.js'
import { Document } from './document.js'
import { mistakeOf, type Problem } from './problems.js'
import type { Extensions } from './schema.js'

export interface LoadSettings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly extensions: Extensions
}

/** A document that was read, and who can say where in it something stands. */
export interface Loaded {
  readonly checked: Checked
  /** The problem that an error which came later is; undefined for one that is not about the document. */
  readonly problemOf: (error: unknown) => Problem | undefined
}

/** Reads a file and checks it. That it can not be read is a problem like any other. */
export async function load (file: string, settings: LoadSettings): Promise<Loaded> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const message = `${(error as NodeJS.ErrnoException).code ?? 'unknown error'}, must be a file that can be read`
    return { checked: { problems: [{ path: '', line: undefined, column: undefined, message }] }, problemOf: () => undefined }
  }
  return await loadText(text, settings)
}

export async function loadText (text: string, { env, extensions }: LoadSettings): Promise<Loaded> {
  const document = new Document(text, env)
  return {
    checked: await check(document, extensions),
    problemOf: error => {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'FST_BALANCER_BAD_OPTION') return document.problem(mistakeOf(error))
      const refused = listenMistake(error)
      return refused === undefined ? undefined : document.problem({ path: [(error as { option?: 'listen' | 'admin' }).option ?? 'listen'], kind: 'value', message: refused })
    }
  }
}

/** Why the system does not let anybody listen somewhere, in words. */
export function listenMistake (error: unknown): string | undefined {
  const { code, syscall, address, port, hostname } = error as NodeJS.ErrnoException & { address?: string, port?: number, hostname?: string }
  const place = `${address ?? hostname ?? ''}${port === undefined ? '' : `:${port}`}`
  if (syscall === 'getaddrinfo') return `${place}: ${String(code)}, host must be an address of this machine, or a name of one`
  if (syscall !== 'listen') return undefined
  switch (code) {
    case 'EADDRINUSE': return `${place}: EADDRINUSE, somebody else listens there, must be free`
    case 'EACCES': return `${place}: EACCES, must be a port that this user may listen on: 1024 or above`
    case 'EADDRNOTAVAIL': return `${place}: EADDRNOTAVAIL, host must be an address of this machine`
    default: return `${place}: ${String(code)}, must be somewhere that can be listened on`
  }
}
