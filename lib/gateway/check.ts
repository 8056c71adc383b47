import Fastify from 'fastify'
import { systemClock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import { Pool, type PoolLogger } from '../pool.js'
import type { PoolOptions } from '../pool-options.js'
import { poolSettings } from '../pool-settings.js'
import { isObject } from '../option-types.js'
import { mistakes, optionPath, type Mistake } from '../schema.js'
import { targetConfig } from '../target-config.js'
import type { Document } from './document.js'
import { guardMistakes } from './guards.js'
import { serverTlsErrors } from './listen-tls.js'
import { inOrder, mistakeOf, type Problem } from './problems.js'
import { registerRoutes } from './routes.js'
import { documentSchema, type Extensions } from './schema.js'
import { makeSource } from './sources.js'
import { ADMIN, LISTEN, SHUTDOWN } from './standards.js'
import type { DocumentRoute, GatewayDocument } from './types.js'

const SILENT: PoolLogger = { info () {}, warn () {}, error () {} }

/** The document that was checked, or everything that is wrong with it. */
export type Checked = { readonly value: GatewayDocument, readonly problems?: never } | { readonly problems: readonly Problem[] }

/**
 * Finds everything that is wrong with a document: in its form, and in what it says. Reads the files that it names, and starts nothing.
 */
export async function check (document: Document, extensions: Extensions): Promise<Checked> {
  if (document.problems.length > 0) return { problems: inOrder(document.problems) }
  const formal = formalMistakes(document, schemaOf(extensions))
  let content = await contentMistakes(document.value, formal, extensions)
  if (document.coerce(content.map(({ path }) => path))) content = await contentMistakes(document.value, formal, extensions)
  const found = [...formal, ...content]
  found.push(...await routingMistakes(document.value, found))
  if (found.length > 0) return { problems: inOrder(found.map(mistake => document.problem(mistake))) }
  return { value: document.value as GatewayDocument }
}

/** One for all documents: a validator never lets go of a schema that it has compiled. */
const schemas = new WeakMap<Extensions, object>()

function schemaOf (extensions: Extensions): object {
  const schema = schemas.get(extensions) ?? documentSchema(extensions)
  schemas.set(extensions, schema)
  return schema
}

function formalMistakes (document: Document, schema: object): readonly Mistake[] {
  const find = (): readonly Mistake[] => mistakes(schema, document.value, (value, path) => document.quote(value, path))
  const found = find()
  // Where something else than a text is wanted, a variable may stand for it.
  return document.coerce(found.map(({ path }) => path)) ? find() : found
}

/** What is wrong with parts whose form is right. */
async function contentMistakes (value: unknown, formal: readonly Mistake[], extensions: Extensions): Promise<Mistake[]> {
  if (!isObject.passes.test(value)) return []
  const sound = (...path: string[]): boolean => !formal.some(mistake => path.every((part, i) => mistake.path[i] === undefined || mistake.path[i] === part))
  const { listen: given, admin, pools, routes, shutdown = {} } = value as GatewayDocument
  // What is there and has nothing in it is null: that is wrong, and said already.
  const listen = given ?? {}
  const found: Mistake[] = []
  if (sound('listen')) {
    if (listen.http2 === true && listen.tls === undefined) found.push({ path: ['listen', 'http2'], kind: 'value', message: 'true, must have tls beside it: browsers and most clients speak HTTP/2 over TLS only' })
    if (admin !== undefined && sound('admin') && (listen.port ?? LISTEN.port) !== 0 && (listen.port ?? LISTEN.port) === (admin.port ?? ADMIN.port)) {
      found.push({ path: ['admin', 'port'], kind: 'value', message: `${String(admin.port ?? ADMIN.port)} is the port of listen, must be another one` })
    }
  }
  if (listen.tls !== undefined && sound('listen', 'tls')) found.push(...(await serverTlsErrors(listen.tls)).map(mistakeOf))
  if (sound('shutdown')) {
    const { delay = SHUTDOWN.delay, grace = SHUTDOWN.grace } = shutdown
    if (delay > grace) found.push({ path: ['shutdown', 'delay'], kind: 'value', message: `${delay}, must not be longer than grace, which is ${grace}` })
  }
  if (isObject.passes.test(pools)) {
    for (const [name, options] of Object.entries(pools)) {
      found.push(...poolMistakes(name, options, (...path) => sound('pools', name, ...path)))
      const { discovery } = options ?? {}
      if (isObject.passes.test(discovery) && discovery !== undefined && sound('pools', name, 'discovery')) found.push(...await rejected(makeSource(name, discovery, extensions, systemClock)))
    }
    if (Array.isArray(routes)) found.push(...poolNames(routes, Object.keys(pools)))
  }
  if (Array.isArray(routes)) found.push(...twiceRouted(routes, (...path) => sound('routes', ...path)))
  found.push(...await guardMistakes(value as GatewayDocument, sound))
  return found
}

function poolMistakes (name: string, options: GatewayDocument['pools'][string], sound: (...path: string[]) => boolean): Mistake[] {
  if (!isObject.passes.test(options)) return []
  const found: Mistake[] = []
  const { targets, discovery, ...others } = options
  let checked: PoolOptions['targets'] = []
  if (Array.isArray(targets) && sound('targets')) {
    const at = optionPath('pools', name)
    checked = targets.filter((target, i) => {
      const mistakes = targetMistakes(target, `${at}.targets[${i}]`)
      found.push(...mistakes)
      return mistakes.length === 0
    })
    // Those that can not be read say nothing about the others.
    if (checked.length < targets.length) checked = []
  } else if (targets === undefined && discovery === undefined) {
    found.push({ path: ['pools', name, 'targets'], kind: 'missing', message: 'missing, must be given unless there is discovery' })
  }
  // Each option is left out once it has been found wrong, so that the next one is found too.
  let rest: Record<string, unknown> = Object.fromEntries(Object.entries(others).filter(([key]) => sound(key)))
  if (discovery !== undefined) rest['discovery'] = NOTHING
  rest['targets'] = checked.length === 0 ? [ANY] : checked
  for (;;) {
    const mistake = thrown(() => poolSettings(name, rest as unknown as PoolOptions, optionPath('pools', name), SILENT, systemClock))
    if (mistake === undefined) return found
    found.push(mistake)
    const wrong = mistake.path[2] ?? ''
    if (!(wrong in rest) || rest[wrong] === ANY_TARGETS) return found
    rest = wrong === 'targets' ? { ...rest, targets: ANY_TARGETS } : Object.fromEntries(Object.entries(rest).filter(([key]) => key !== wrong))
  }
}

function targetMistakes (target: unknown, at: string): Mistake[] {
  const found: Mistake[] = []
  // Each part is left out once it has been found wrong, so that the next one is found too.
  let rest = target
  for (;;) {
    const mistake = thrown(() => targetConfig(rest, at))
    if (mistake === undefined) return found
    found.push(mistake)
    if (!isObject.passes.test(rest)) return found
    const parts = rest as Record<string, unknown>
    const wrong = mistake.path[4]
    if (wrong === undefined ? parts['url'] === ANY : !(wrong in parts)) return found
    rest = wrong === undefined ? { ...parts, url: ANY } : Object.fromEntries(Object.entries(parts).filter(([key]) => key !== wrong))
  }
}

/** A target that there is nothing wrong with. */
const ANY = 'http://localhost'
const ANY_TARGETS = [ANY]

/** A source of discovery that is never asked: they are looked at by themselves. */
const NOTHING: Discovery = async function * () {}

function poolNames (routes: readonly unknown[], known: readonly string[]): Mistake[] {
  return routes.flatMap((route, i): Mistake[] => {
    const pool = isObject.passes.test(route) ? (route as DocumentRoute).pool : undefined
    if (typeof pool !== 'string' || pool === '' || known.includes(pool)) return []
    return [{ path: ['routes', String(i), 'pool'], kind: 'value', message: `'${pool}' is not a pool, must be one of ${known.join(', ') || 'none'}` }]
  })
}

/** Routes that the router could not tell apart. */
function twiceRouted (routes: readonly DocumentRoute[], sound: (...path: string[]) => boolean): Mistake[] {
  const seen = new Map<string, number>()
  return routes.flatMap((route, i): Mistake[] => {
    if (!sound(String(i))) return []
    const { prefix = '', constraints = {}, httpMethods = ['*'], routes: paths = ['*'] } = route
    // The names of params do not count.
    const place = prefix.replace(/\/+$/, '').replace(/:[A-Za-z_$][\w$]*/g, ':')
    const keys = httpMethods.flatMap(method => paths.map(path => JSON.stringify([place, method.toUpperCase(), path, Object.entries(constraints).sort()])))
    const before = keys.map(key => seen.get(key)).find(index => index !== undefined)
    for (const key of keys) if (!seen.has(key)) seen.set(key, i)
    if (before === undefined) return []
    return [{ path: ['routes', String(i), ...(route.prefix === undefined ? [] : ['prefix'])], kind: 'value', message: `'${prefix}' is taken by routes[${before}] with the same constraints, must be another one` }]
  })
}

/** What only the router finds out, of the routes that nothing else is wrong with. */
async function routingMistakes (value: unknown, known: readonly Mistake[]): Promise<Mistake[]> {
  if (!isObject.passes.test(value)) return []
  const { listen, pools, routes } = value as GatewayDocument
  const isWrong = (...path: string[]): boolean => known.some(mistake => path.every((part, i) => mistake.path[i] === undefined || mistake.path[i] === part))
  if (!Array.isArray(routes) || !isObject.passes.test(pools) || isWrong('listen')) return []
  const found: Mistake[] = []
  // One that can not be there is left out, so that the next one is found too.
  let left = (routes as readonly DocumentRoute[]).map((route, i) => ({ route, i })).filter(({ i }) => !isWrong('routes', String(i)))
  for (;;) {
    const mistake = await routingMistake({ ...(listen === undefined ? undefined : { listen }), pools, routes: left.map(({ route }) => route) })
    if (mistake === undefined) return found
    const [at, index, ...rest] = mistake.path
    const wrong = at === 'routes' ? left[Number(index)] : undefined
    found.push(wrong === undefined ? mistake : { ...mistake, path: ['routes', String(wrong.i), ...rest] })
    if (wrong === undefined) return found
    left = left.filter(other => other !== wrong)
  }
}

/** The first one. Without guards: they might connect to something. */
async function routingMistake ({ listen = {}, pools, routes }: GatewayDocument): Promise<Mistake | undefined> {
  const { caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes } = listen
  const app = Fastify({ routerOptions: routerOptions({ caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes }) })
  // To the router all pools are alike.
  const made = Object.fromEntries(Object.keys(pools).map(name => [name, new Pool(poolSettings(name, { targets: ANY_TARGETS }, optionPath('pools', name), SILENT, systemClock))]))
  try {
    const plain = routes.map(({ guards: _, ...route }) => route)
    const [mistake] = await rejected(registerRoutes(app, { routes: plain, guards: {}, pools: made }).then(async () => { await app.ready() }))
    return mistake
  } finally {
    await app.close()
    await Promise.all(Object.values(made).map(async pool => { await pool.destroy() }))
  }
}

/** Fastify does not take undefined for an option that is not there. */
export function routerOptions<Options extends object> (options: Options): { [Key in keyof Options]: Exclude<Options[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [Key in keyof Options]: Exclude<Options[Key], undefined> }
}

function thrown (call: () => unknown): Mistake | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return mistakeOf(error)
  }
}

async function rejected (promise: Promise<unknown>): Promise<Mistake[]> {
  try {
    await promise
    return []
  } catch (error) {
    return [mistakeOf(error)]
  }
}
