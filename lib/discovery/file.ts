import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isNode, isSeq, LineCounter, parseDocument } from 'yaml'
import { sleep, systemClock, type Clock } from '../clock.js'
import { listedTarget, type DiscoveredTarget, type Discovery } from '../discovery.js'
import { BadOptionError, show } from '../errors.js'
import { codeOf, stateOf } from '../file-state.js'
import { LONGEST_TIMER, object, text } from '../option-types.js'
import { check } from '../schema.js'

export interface FileOptions {
  /** The file: a list of targets, as JSON or YAML. A relative path starts from where the process does. */
  readonly path: string
  /** Milliseconds from one look at the file to the next. Default: 500. */
  readonly interval?: number
}

export const fileProperties = {
  path: text,
  interval: { type: 'number', exclusiveMinimum: 0, maximum: LONGEST_TIMER }
} satisfies Record<keyof FileOptions, object>

const schema = object({ file: object(fileProperties, ['path']) }, ['file'])

/** Milliseconds for which a file must be the same before it is read: who writes it in pieces may just be at it. */
const SETTLED = 100

/**
 * Targets from a file that is read anew whenever it changes: written in place, replaced, or at the end of links that now lead
 * elsewhere, as in a ConfigMap that Kubernetes has mounted. It is looked at and not listened for, which also works on network file
 * systems and in containers, where changes are not told of.
 *
 * A file that is missing or has a mistake in it is a failure; the next look comes as soon as it would otherwise.
 *
 * @throws BadOptionError for a bad option
 */
export function file (options: FileOptions, clock: Clock = systemClock): Discovery {
  check(schema, { file: options })
  const { path, interval = 500 } = options
  const whole = resolve(path)
  return async function * (signal) {
    let seen: string | undefined
    while (!signal.aborted) {
      const state = await stateOf([whole])
      if (state !== seen) {
        // The first one is waited for, by the start of an app.
        if (seen !== undefined) await sleep(clock, Math.min(SETTLED, interval), signal)
        let list: readonly DiscoveredTarget[] | undefined
        let failure: unknown
        try {
          // To read a pipe may never end.
          const kind = await stat(whole)
          if (!kind.isFile() && !kind.isDirectory()) throw BadOptionError(`${path}: no file, must be a file that can be read`)
          list = targetsOf(await readFile(whole, 'utf8'), path)
        } catch (error) {
          failure = error
        }
        // What changed meanwhile may be half of the one and half of the other.
        const changed = await stateOf([whole]) !== state
        if (failure !== undefined && !changed) throw asSoon(failure, path, interval)
        if (list !== undefined && !changed) {
          seen = state
          yield list
        }
      }
      await sleep(clock, interval, signal)
    }
  }
}

/** @throws BadOptionError with the line and the column of what is wrong */
function targetsOf (content: string, path: string): readonly DiscoveredTarget[] {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, logLevel: 'error', stringKeys: true })
  const at = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0)
    return `${path}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const [mistake] = document.errors
  if (mistake !== undefined) throw BadOptionError(`${at(mistake.pos[0])}: ${mistake.message}, must be JSON or YAML`)
  const { contents } = document
  const list = read(() => document.toJS() as unknown, at(contents?.range?.[0]))
  if (!isSeq(contents) || !Array.isArray(list)) throw BadOptionError(`${at(contents?.range?.[0])}: ${show(list)}, must be a list of targets`)
  return list.map((item: DiscoveredTarget, i) => {
    const node = contents.items[i]
    read(() => listedTarget(item, `[${i}]`), at(isNode(node) ? node.range?.[0] : undefined))
    return item
  })
}

/** Says where, when it goes wrong. */
function read<T> (reading: () => T, at: string): T {
  try {
    return reading()
  } catch (error) {
    throw BadOptionError(`${at}: ${(error as Error).message}`)
  }
}

/** A look costs next to nothing, so a mistake that is put right need not be waited for. */
function asSoon (error: unknown, path: string, interval: number): Error {
  const told = (error as NodeJS.ErrnoException).syscall === undefined ? error as Error : BadOptionError(`${path}: ${codeOf(error)}, must be a file that can be read`)
  return Object.assign(told, { retryAfter: interval })
}
