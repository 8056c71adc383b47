import { readFile } from 'node:fs/promises'
import { BadOptionError } from '../errors.js'

/** What a file holds, without the line break at its end. @throws BadOptionError when it can not be read, or is empty */
export async function secretFile (option: string, path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw BadOptionError(`${option}: '${path}' can not be read (${(error as NodeJS.ErrnoException).code}), must be the path of a file`)
  }
  text = text.replace(/\r?\n$/, '')
  if (text === '') throw BadOptionError(`${option}: '${path}' is empty, must have something in it`)
  return text
}
