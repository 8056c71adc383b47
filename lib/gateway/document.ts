import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document as Tree, type Node, type Scalar } from 'yaml'
import { show } from '../errors.js'
import { optionPath, type Mistake } from '../schema.js'
import type { Problem } from './problems.js'
import { scalarOf, substitute } from './variables.js'

/** Names under which there are secrets, in whatever form. */
const SECRET = /secret|passw|passphrase|token|credential|authorization/i

/** What guards are given may be keys and passwords, whatever they call them. */
const SECRETIVE = 'guards'

/**
 * A configuration as it was written: YAML 1.2, which JSON is a part of, with variables of the environment in its texts. It knows
 * where everything stands, so that whoever finds a mistake can say where it is.
 */
export class Document {
  /** Why it can not be read; when there are any, `value` means nothing. */
  readonly problems: readonly Problem[]
  readonly #tree: Tree
  readonly #lines = new LineCounter()
  /** Texts that variables were replaced in: as written, and as they are now. */
  readonly #variables = new Map<Scalar, { readonly source: string, readonly value: string, readonly whole: boolean }>()
  #value: unknown

  constructor (text: string, env: Readonly<Record<string, string | undefined>> = {}) {
    this.#tree = parseDocument(text, { version: '1.2', lineCounter: this.#lines, prettyErrors: false, merge: true, stringKeys: true })
    const problems = [...this.#tree.errors, ...this.#tree.warnings].map(({ code, message, pos: [offset] }) =>
      this.#problem([], offset, code === 'MULTIPLE_DOCS' ? 'another document begins here, must be one' : message))
    problems.push(...this.#substitute(env))
    try {
      this.#value = this.#tree.toJS()
    } catch (error) {
      // Aliases that lead nowhere, or that are too many.
      if (problems.length === 0) problems.push(this.#problem([], this.#unresolved(), (error as Error).message))
    }
    this.problems = problems
  }

  get value (): unknown { return this.#value }

  /** The problem that a mistake at a path is. */
  problem ({ path, kind, message }: Mistake): Problem {
    return this.#problem(path, this.#offsetOf(path, kind), this.#withoutValues(message))
  }

  /** A value as it may be shown: without secrets, and as it was written. */
  quote (value: unknown, path: readonly string[]): string {
    const node = this.#find(path).value
    const variable = isScalar(node) ? this.#variables.get(node) : undefined
    if (variable !== undefined) return variable.source
    if (Array.isArray(value)) return 'a list'
    if (typeof value === 'object' && value !== null) return 'an object'
    return path.some(part => SECRET.test(part)) || (typeof value === 'string' && path.includes(SECRETIVE)) ? '***' : show(value)
  }

  /**
   * Makes numbers and booleans of texts at these paths that are one variable and nothing else.
   *
   * @returns whether any of them was one
   */
  coerce (paths: ReadonlyArray<readonly string[]>): boolean {
    let coerced = false
    for (const path of paths) {
      const node = this.#find(path).value
      if (!isScalar(node) || typeof node.value !== 'string' || this.#variables.get(node)?.whole !== true) continue
      const scalar = scalarOf(node.value)
      if (scalar === undefined) continue
      node.value = scalar
      coerced = true
    }
    if (coerced) this.#value = this.#tree.toJS()
    return coerced
  }

  #substitute (env: Readonly<Record<string, string | undefined>>): Problem[] {
    const wrong: Array<{ node: Scalar, message: string }> = []
    visit(this.#tree, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string') return
        const substituted = substitute(node.value, env)
        if (substituted === undefined) return
        const { text, whole, mistakes } = substituted
        wrong.push(...mistakes.map(message => ({ node, message })))
        if (text !== node.value.replaceAll('$${', '${')) this.#variables.set(node, { source: node.value, value: text, whole })
        node.value = text
      }
    })
    if (wrong.length === 0) return []
    const paths = pathsOf(this.#tree.contents)
    return wrong.map(({ node, message }) => this.#problem(paths.get(node) ?? [], node.range?.[0] ?? 0, message))
  }

  /** Where the first alias stands that leads nowhere. */
  #unresolved (): number {
    let offset = 0
    visit(this.#tree, {
      Alias: (_key, node) => {
        if (node.resolve(this.#tree) !== undefined) return undefined
        offset = node.range?.[0] ?? 0
        return visit.BREAK
      }
    })
    return offset
  }

  #problem (path: readonly string[], offset: number, message: string): Problem {
    const { line, col } = this.#lines.linePos(offset)
    return { path: optionPath(...path), line: Math.max(1, line), column: Math.max(1, col), message }
  }

  /** Messages of others quote values as well. */
  #withoutValues (message: string): string {
    for (const { source, value } of this.#variables.values()) {
      message = message.replaceAll(show(value), source)
      // Shorter ones, and true and false, are part of other words.
      if (value.length >= 4 && typeof scalarOf(value) !== 'boolean') message = message.replaceAll(value, source)
    }
    return message
  }

  #offsetOf (path: readonly string[], kind: Mistake['kind']): number {
    const { key, value } = this.#find(kind === 'missing' ? path.slice(0, -1) : path)
    const node = kind === 'value' && isScalar(value) ? value : key ?? value
    return node?.range?.[0] ?? 0
  }

  /** What stands at a path, or the nearest thing above it. */
  #find (path: readonly string[]): { readonly key: Node | undefined, readonly value: Node | undefined } {
    let key: Node | undefined
    let value = this.#resolved(this.#tree.contents)
    for (const part of path) {
      const next = this.#child(value, part)
      if (next === undefined) return { key, value: undefined }
      key = next.key
      value = this.#resolved(next.value)
    }
    return { key, value }
  }

  #child (node: Node | undefined, part: string): { readonly key: Node | undefined, readonly value: Node | null | undefined } | undefined {
    if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined
      return item === undefined ? undefined : { key: item, value: item }
    }
    if (!isMap(node)) return undefined
    for (const { key, value } of node.items) {
      if (isScalar(key) && String(key.value) === part) return { key, value: value as Node | null }
    }
    // What is merged in stands elsewhere.
    for (const { key, value } of node.items) {
      // Newer versions of the parser have a symbol for it.
      if (!isScalar(key) || (key.value !== '<<' && (typeof key.value !== 'symbol' || key.value.description !== '<<'))) continue
      const merged = this.#resolved(value as Node)
      for (const each of isSeq(merged) ? merged.items : [merged]) {
        const found = this.#child(this.#resolved(each as Node), part)
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  #resolved (node: Node | null | undefined): Node | undefined {
    return (isAlias(node) ? node.resolve(this.#tree) : node) ?? undefined
  }
}

/** The way to each node. */
function pathsOf (root: Node | null): Map<Node, readonly string[]> {
  const paths = new Map<Node, readonly string[]>()
  const enter = (node: unknown, path: readonly string[]): void => {
    if (isMap(node)) for (const { key, value } of node.items) enter(value, [...path, isScalar(key) ? String(key.value) : '?'])
    else if (isSeq(node)) node.items.forEach((item, i) => { enter(item, [...path, String(i)]) })
    else if (isScalar(node)) paths.set(node, path)
  }
  enter(root, [])
  return paths
}
