import { optionPath, type Mistake } from '../schema.js'

/** Something that is wrong with a document, and where. */
export interface Problem {
  /** The way to the option: `pools.users.targets[1].weight`. Empty for the document as a whole. */
  readonly path: string
  /** From 1; undefined for a document that has no text. */
  readonly line: number | undefined
  /** From 1. */
  readonly column: number | undefined
  /** What is wrong, and what is allowed. Without secrets, and without what environment variables hold. */
  readonly message: string
}

/** A document that can not be used. */
export class DocumentError extends Error {
  readonly problems: readonly Problem[]

  constructor (problems: readonly Problem[], file?: string) {
    super(problems.map(problem => problemText(problem, file)).join('\n'))
    this.name = 'DocumentError'
    this.problems = problems
  }
}

/** `gateway.yaml:12:9: pools.users.targets[1].weight: -1, must be >= 0`, as compilers write it and editors read it. */
export function problemText ({ path, line, column, message }: Problem, file?: string): string {
  const place = [file, line, column].filter(part => part !== undefined).join(':')
  return [place, path, message].filter(part => part !== '').join(': ')
}

/** Splits what `optionPath` has put together off the front of a message: `a.b[1]['c d']: wrong`. */
export function splitMessage (text: string): { readonly path: readonly string[], readonly message: string } {
  const path: string[] = []
  let rest = text
  for (let match; (match = /^\.?([\w$-]+)(?=[.[:])|^\[(\d+)\]|^\['(.*?)'\]/.exec(rest)) !== null;) {
    path.push(match[1] ?? match[2] ?? match[3] ?? '')
    rest = rest.slice(match[0].length)
  }
  return rest.startsWith(': ') ? { path, message: rest.slice(2) } : { path: [], message: text }
}

/** What an error of ours says about an option, wherever it was found. Any other one is not about the document. */
export function mistakeOf (error: unknown): Mistake {
  const { message, code } = error as NodeJS.ErrnoException
  if (code !== 'FST_BALANCER_BAD_OPTION') throw error
  const split = splitMessage(message)
  const kind = split.message.startsWith('missing') ? 'missing' : split.message.startsWith('unknown option') ? 'unknown' : 'value'
  return { path: split.path, kind, message: split.message }
}

/** In the order of the lines, each once. */
export function inOrder (problems: readonly Problem[]): readonly Problem[] {
  const each = new Map(problems.map(problem => [problemText(problem), problem]))
  return [...each.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

export { optionPath }
