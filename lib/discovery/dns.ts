import { Resolver } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { noTimer, sleep, systemClock, type Clock } from '../clock.js'
import type { DiscoveredTarget, Discovery } from '../discovery.js'
import { BadOptionError } from '../errors.js'
import { isText, list, LONGEST_TIMER, matching, milliseconds, object } from '../option-types.js'
import { check, rule } from '../schema.js'
import { srvTargets } from './srv.js'

/** Times are in milliseconds. */
export interface DnsOptions {
  /**
   * Name to ask for, whole: no search domain is added and no hosts file is read. With SRV the name of the service,
   * `_http._tcp.api.internal` or as the name server has it.
   */
  readonly name: string
  /** Records to ask for; `any` are addresses of both kinds. Default: `A`. */
  readonly type?: 'A' | 'AAAA' | 'any' | 'SRV'
  /** Default: `http`. */
  readonly protocol?: 'http' | 'https'
  /** Port of every target. Default: that of the protocol; SRV records have one of their own. */
  readonly port?: number
  /** Base path of every target. Default: none. */
  readonly path?: string
  /**
   * Name, with a port if need be, by which targets are asked for, in `Host` and in TLS. Default: the name that is asked for, without
   * the parts of it that begin with `_`.
   */
  readonly host?: string
  /** Addresses of name servers, with a port if it is not 53. Default: those of the system. */
  readonly servers?: readonly string[]
  /** The shortest that an answer is kept, even if its records have a shorter time to live. Default: 1000. */
  readonly minTtl?: number
  /** The longest that an answer is kept, even if its records have a longer time to live. Default: 60000. */
  readonly maxTtl?: number
  /** From one question for SRV records to the next, at the most: Node does not tell their time to live. Default: 1000. */
  readonly refresh?: number
  /** From a question to the last of its answers. Default: 2000. */
  readonly timeout?: number
}

const someMilliseconds = { type: 'number', exclusiveMinimum: 0, maximum: LONGEST_TIMER }

export const dnsProperties = {
  name: rule('the whole name of a host or a service, in ASCII', isName, false, { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$' }),
  type: { enum: ['A', 'AAAA', 'any', 'SRV'] },
  protocol: { enum: ['http', 'https'] },
  port: { type: 'integer', minimum: 1, maximum: 65535 },
  path: matching("a path that begins with '/', in ASCII and without '?' and '#'", /^\/[!"$->@-~]*$/),
  host: rule('a host name, with a port if it is not the default', isHost, false, { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[1-9][0-9]{0,4})?$' }),
  servers: { ...list, items: rule("an address, with a port if it is not 53, as in '10.0.0.53' or '[::1]:5353'", isServer, false, { type: 'string', minLength: 1 }) },
  minTtl: milliseconds,
  maxTtl: someMilliseconds,
  refresh: someMilliseconds,
  timeout: someMilliseconds
} satisfies Record<keyof DnsOptions, object>

const schema = object({ dns: object(dnsProperties, ['name']) }, ['dns'])

/** What an answer may be kept longer by, so that many gateways do not ask in step: a share of its time, and milliseconds at the most. */
const SPREAD = 0.1
const LONGEST_SPREAD = 500

/** A target that is asked for twice has been waited for a third of the time the first time: c-ares doubles it. */
const TRIES = 2

/** Addresses and for how many milliseconds they may be kept. */
interface Answer {
  readonly addresses: readonly string[]
  readonly ttl: number
}

/**
 * Targets from the records of a name server, which is asked again when their time to live is over. Every target is an address, and is
 * asked for by the name: who answers has to have a certificate for it.
 *
 * Errors of the name server, silence and empty answers are failures. So is one of two kinds of addresses that can not be had: half of
 * the targets would be gone.
 *
 * @throws BadOptionError for a bad option
 */
export function dns (options: DnsOptions, clock: Clock = systemClock): Discovery {
  check(schema, { dns: options })
  const { name, type = 'A', minTtl = 1000, maxTtl = 60_000, refresh = 1000, servers } = options
  if (minTtl > maxTtl) throw BadOptionError(`dns.minTtl: ${minTtl}, must be <= maxTtl, which is ${maxTtl}`)
  for (const [option, value] of Object.entries(type === 'SRV' ? { port: options.port } : { refresh: options.refresh })) {
    if (value !== undefined) throw BadOptionError(`dns.${option}: ${type === 'SRV' ? 'SRV records have their own' : 'only for SRV records'}, must be left out`)
  }
  return async function * (signal) {
    const lookup = new Lookup(options, servers, clock, signal)
    while (!signal.aborted) {
      if (type === 'SRV') {
        yield await lookup.service(name)
        await sleep(clock, refresh * (1 - SPREAD * clock.random()), signal)
      } else {
        const { targets, ttl } = await lookup.host(name, type)
        yield targets
        const kept = Math.min(Math.max(ttl, minTtl), maxTtl)
        await sleep(clock, kept + Math.min(SPREAD * kept, LONGEST_SPREAD) * clock.random(), signal)
      }
    }
  }
}

/** The questions of one source. */
class Lookup {
  readonly #options: DnsOptions
  readonly #clock: Clock
  readonly #timeout: number
  readonly #resolver: Resolver

  constructor (options: DnsOptions, servers: readonly string[] | undefined, clock: Clock, signal: AbortSignal) {
    const { timeout = 2000 } = options
    this.#options = options
    this.#clock = clock
    this.#timeout = timeout
    this.#resolver = new Resolver({ timeout: Math.ceil(timeout / (2 ** TRIES - 1)), tries: TRIES })
    if (servers !== undefined) this.#resolver.setServers(servers)
    signal.addEventListener('abort', () => { this.#resolver.cancel() }, { once: true })
  }

  async host (name: string, type: 'A' | 'AAAA' | 'any'): Promise<{ readonly targets: DiscoveredTarget[], readonly ttl: number }> {
    const { addresses, ttl } = await this.#inTime(name, async () => await this.#addresses(name, type))
    if (addresses.length === 0) throw new Error(`${name} has no ${type === 'any' ? 'A or AAAA' : type} records`)
    return { targets: addresses.map(address => this.#target(address, this.#options.port)), ttl }
  }

  /**
   * The targets of the records are resolved here and now: left as names they would be one target each, whatever addresses they have, and
   * an address that has changed would go unseen for as long as connections to the old one last.
   */
  async service (name: string): Promise<DiscoveredTarget[]> {
    const resolved = await this.#inTime(name, async () => {
      const records = await this.#resolver.resolveSrv(name).catch(noneIfAbsent(name, 'SRV'))
      // A target of '.' says that there is no such service (RFC 2782).
      return await Promise.all(records.filter(({ name }) => name !== '' && name !== '.').map(async record => ({
        ...record, addresses: (await this.#addresses(record.name, 'any')).addresses
      })))
    })
    if (resolved.length === 0) throw new Error(`${name} has no SRV records`)
    // Records are not changed all at once: a target that is gone already is one less, but not the only one.
    const present = resolved.filter(({ addresses }) => addresses.length > 0)
    if (present.length === 0) throw new Error(`${resolved.map(({ name }) => name).join(', ')}, to which the SRV records of ${name} lead, have no addresses`)
    return srvTargets(present, (address, port) => this.#target(address, port))
  }

  async #addresses (name: string, type: 'A' | 'AAAA' | 'any'): Promise<Answer> {
    const [v4, v6] = await Promise.all([
      type === 'AAAA' ? [] : this.#resolver.resolve4(name, { ttl: true }).catch(noneIfAbsent(name, 'A')),
      type === 'A' ? [] : this.#resolver.resolve6(name, { ttl: true }).catch(noneIfAbsent(name, 'AAAA'))
    ])
    // Name servers turn their answers round; all gateways should have their targets in one order.
    const sorted = [v4, v6].flatMap(records => records.map(({ address }) => address).sort())
    return { addresses: sorted, ttl: Math.min(...[...v4, ...v6].map(({ ttl }) => ttl * 1000)) }
  }

  #target (address: string, port: number | undefined): DiscoveredTarget {
    const { name, protocol = 'http', path = '', host } = this.#options
    const suffix = port === undefined ? '' : `:${port}`
    return {
      url: `${protocol}://${isIPv6(address) ? `[${address}]` : address}${suffix}${path}`,
      host: host ?? name.replace(/^(?:_[^.]*\.)*/, '').replace(/\.$/, '') + suffix
    }
  }

  /** The resolver has deadlines for each try and each server, and none for all. */
  async #inTime<T> (name: string, ask: () => Promise<T>): Promise<T> {
    let cancel = noTimer
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.#clock.after(this.#timeout, () => {
        reject(new Error(`${name}: no answer within ${this.#timeout} ms`))
        this.#resolver.cancel()
      })
    })
    try {
      return await Promise.race([ask(), late])
    } finally {
      cancel()
    }
  }
}

/** That a name has no such records, or is not there at all, is an answer; all else is a failure. */
function noneIfAbsent (name: string, type: string): (error: unknown) => never[] {
  return error => {
    const { code = String(error) } = error as NodeJS.ErrnoException
    if (code === 'ENODATA' || code === 'ENOTFOUND') return []
    throw new Error(`${name}, ${type}: ${REASONS[code] ?? code}`, { cause: error })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ESERVFAIL: 'the name server failed (SERVFAIL)',
  EREFUSED: 'the name server refused (REFUSED)',
  ECONNREFUSED: 'no name server could be reached',
  ETIMEOUT: 'no name server answered in time'
}

function isName (value: unknown): boolean {
  if (!isText(/^(?=.{1,254}$)[a-z\d_][a-z\d_-]{0,62}(?:\.[a-z\d_][a-z\d_-]{0,62})*\.?$/i)(value)) return false
  // URLs have addresses in more spellings than one.
  return URL.canParse(`http://${String(value)}`) && isIP(new URL(`http://${String(value)}`).hostname) === 0
}

function isHost (value: unknown): boolean {
  const [, name, port = '1'] = /^([^:]+)(?::([1-9]\d{0,4}))?$/.exec(String(value)) ?? []
  return typeof value === 'string' && isName(name) && Number(port) <= 65535
}

function isServer (value: unknown): boolean {
  const [, v6, plain = ''] = /^(?:\[([\da-f:.]+)\](?::[1-9]\d{0,4})?|([\da-f:.]+?)(?::[1-9]\d{0,4})?)$/i.exec(String(value)) ?? []
  if (v6 !== undefined) return isIP(v6) === 6
  return isIP(plain) === 4 || isIP(String(value)) === 6
}
