import { stat } from 'node:fs/promises'

/** Changes when one of the files does, whether it is one itself or a link that leads to it. */
export async function stateOf (files: readonly string[]): Promise<string> {
  const states = await Promise.all(files.map(async file => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
      return [dev, ino, size, mtimeNs, ctimeNs].join()
    } catch (error) {
      return codeOf(error)
    }
  }))
  return states.join(' ')
}

/** What the system calls what went wrong. */
export function codeOf (error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}
