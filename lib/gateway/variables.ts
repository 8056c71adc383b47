/** What became of a text with variables in it. */
export interface Substituted {
  readonly text: string
  /** Whether there was nothing but one variable, so that it may stand for a number or a boolean. */
  readonly whole: boolean
  /** What is wrong with the variables. */
  readonly mistakes: readonly string[]
}

const VARIABLE = /\$\$\{|\$\{([^}]*)(\}?)/g
// eslint-disable-next-line no-template-curly-in-string -- the form of a variable, for people
const FORM = 'a variable must be ${NAME} or ${NAME:-default}; $${ stands for ${ itself'
const NAME = /^([A-Za-z_]\w*)(?::-(.*))?$/s

/**
 * Replaces `${NAME}` and `${NAME:-default}`. As in a shell, the default is also for a variable that is empty. `$${` is a `${`.
 *
 * @returns undefined for a text without any of them
 */
export function substitute (text: string, env: Readonly<Record<string, string | undefined>>): Substituted | undefined {
  if (!text.includes('${')) return undefined
  const mistakes: string[] = []
  const substituted = text.replace(VARIABLE, (found, inner: string | undefined, end: string) => {
    if (inner === undefined) return '${'
    const [, name, standard] = NAME.exec(inner) ?? []
    if (name === undefined || end === '') {
      mistakes.push(FORM)
      return found
    }
    if (standard?.includes('${') === true) {
      mistakes.push(`the default of \${${name}} must not have another variable in it`)
      return found
    }
    const value = env[name]
    if (standard !== undefined) return value === undefined || value === '' ? standard : value
    if (value === undefined) mistakes.push(`the environment variable ${name} is not set, must be set or have a default, as in \${${name}:-default}`)
    return value ?? ''
  })
  return { text: substituted, whole: /^\$\{[^}]*\}$/.test(text), mistakes }
}

/** The number or boolean that a text stands for, if it does. */
export function scalarOf (text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}
