import type { FastifyInstance } from 'fastify'
import { BadOptionError } from '../errors.js'
import type { Upstreams } from '../plugin.js'

/** What a guard may need beside the scope that it guards. */
export interface GuardContext {
  /** The app that the scope is in, or the scope itself. */
  readonly app: FastifyInstance
  /** Every pool of the app by name; those that a guard names are looked for when the app is ready. */
  readonly pools: Upstreams
  /**
   * What tells this scope from the others of the app, and is the same in every process: limits that are kept in Redis are shared
   * by scopes of one name. Default: the prefix of the scope.
   */
  readonly name?: string
}

/** Turns plain data into plugins and hooks of a scope. */
export interface Guard<Options = never> {
  /** Plain JSON Schema of the options. `writeOnly` marks what must not be shown. */
  readonly schema: object
  /**
   * Guards the routes that are registered in the scope from now on, and those of scopes within it.
   *
   * @param options what the schema allows
   * @throws BadOptionError for what the schema can not tell, and when a package is missing
   */
  apply (scope: FastifyInstance, options: Options, context: GuardContext): Promise<void>
}

/**
 * Loads a package that is only needed by those who use a guard.
 *
 * @throws BadOptionError that says what to install, when it is not there
 */
export async function optional<Module> (guard: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // A package that is there and lacks one of its own is another matter.
    if (code?.endsWith('MODULE_NOT_FOUND') === true && message.includes(`'${name}'`)) {
      throw BadOptionError(`guards.${guard}: needs a package that is not installed, must be left out or made to work by npm install ${name}`)
    }
    throw error
  }
}
