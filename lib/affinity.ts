import { createHmac, timingSafeEqual } from 'node:crypto'

export interface AffinitySettings {
  /** Name of the cookie. */
  readonly cookie: string
  /** The first one signs, cookies of all of them are accepted: a new one goes in front of the old one. Never empty. */
  readonly secrets: readonly string[]
  /** What follows the value, as `cookieAttributes` writes it. */
  readonly attributes: string
}

/** Attributes of a cookie (RFC 6265 §4.1). What they may be is checked with the options. */
export interface CookieOptions {
  /** Default: `/`. */
  readonly path?: string
  /** Default: the host that the client asked for, and no other. */
  readonly domain?: string
  /** Seconds. Default: until the browser is closed. */
  readonly maxAge?: number
  /** Whether scripts in the browser are kept from reading it. Default: true. */
  readonly httpOnly?: boolean
  /** Whether it is for TLS only. Default: false. */
  readonly secure?: boolean
  /** Whether it goes with requests from other sites; `none` needs `secure`. Default: `lax`. */
  readonly sameSite?: 'strict' | 'lax' | 'none'
}

const SAME_SITE = { strict: 'Strict', lax: 'Lax', none: 'None' } as const

/** Attributes to put behind a cookie's value, with the `;` in front of the first. */
export function cookieAttributes ({ path = '/', domain, maxAge, httpOnly = true, secure = false, sameSite = 'lax' }: CookieOptions): string {
  return [
    '',
    `Path=${path}`,
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
    `SameSite=${SAME_SITE[sameSite]}`
  ].join('; ')
}

/** Bytes of a MAC that are kept. Half of SHA-256 is what RFC 2104 §5 asks for at least, and nobody guesses it. */
const MAC_BYTES = 16

/** That many bytes in base64url. */
const VALUE_LENGTH = 22

/** MACs are made once per target. Targets come and go where discovery finds them: so many may be kept before all are made anew. */
const MOST_KEPT = 10_000

/** Characters of a value by which it is looked up; the other half is still more than anybody guesses, and compared in constant time. */
const LOOKED_UP_BY = 11

/** What a value may stand for. */
export interface Addressed { readonly url: string }

/** A client's word on the target that it belongs to. */
export interface Belonging {
  /** That target, if it is among these. O(1), once a list is known; a list must never be changed in place. */
  find<T extends Addressed> (targets: readonly T[]): T | undefined
}

/**
 * Cookies that name a target to the gateway and to nobody else.
 *
 * The value is a MAC of the target's URL. It can not be read, and whoever has none of the secrets can not make one for
 * another target: a client does not choose where it goes, it can only go on where it was. Every gateway that has the same
 * secret knows it, without having seen it before.
 */
export class Affinity {
  readonly #settings: AffinitySettings
  /** Name of the cookie. */
  readonly cookie: string
  /** By URL, one for each secret. */
  readonly #macs = new Map<string, readonly Buffer[]>()
  /** By the beginning of each value that stands for one of a list. */
  readonly #indexes = new WeakMap<readonly Addressed[], ReadonlyMap<string, Addressed>>()
  /** What a client has sent, to be compared. */
  readonly #given = Buffer.alloc(VALUE_LENGTH)

  constructor (settings: AffinitySettings) {
    this.#settings = settings
    this.cookie = settings.cookie
  }

  /** The value that stands for a target: 22 characters that need no quotes in a cookie. */
  idOf (url: string): string {
    return String(this.#macsOf(url)[0])
  }

  /** Whether a client's value, which may be anything, stands for this target. Takes as long for one that is nearly right. */
  matches (value: string, url: string): boolean {
    return isValue(value) && this.#standsFor(value, url)
  }

  /** Of a value in the right form. As text and not as bytes: in base64 the last character can be written in several ways. */
  #standsFor (value: string, url: string): boolean {
    this.#given.write(value, 'latin1')
    let found = false
    for (const mac of this.#macsOf(url)) found = timingSafeEqual(mac, this.#given) || found
    return found
  }

  /** What a client's value, which may be anything, says. */
  belonging (value: string): Belonging | undefined {
    if (!isValue(value)) return undefined
    return {
      find: targets => {
        const found = this.#indexOf(targets).get(value.slice(0, LOOKED_UP_BY))
        return found !== undefined && this.#standsFor(value, found.url) ? found : undefined
      }
    }
  }

  /** A whole `Set-Cookie` that keeps a client with this target. */
  setCookie (url: string): string {
    return `${this.#settings.cookie}=${this.idOf(url)}${this.#settings.attributes}`
  }

  #indexOf<T extends Addressed> (targets: readonly T[]): ReadonlyMap<string, T> {
    let index = this.#indexes.get(targets) as ReadonlyMap<string, T> | undefined
    if (index === undefined) {
      index = new Map(targets.flatMap(target => this.#macsOf(target.url).map(mac => [mac.toString('latin1', 0, LOOKED_UP_BY), target] as const)))
      this.#indexes.set(targets, index)
    }
    return index
  }

  #macsOf (url: string): readonly Buffer[] {
    let macs = this.#macs.get(url)
    if (macs === undefined) {
      macs = this.#settings.secrets.map(secret => mac(secret, url))
      if (this.#macs.size >= MOST_KEPT) this.#macs.clear()
      this.#macs.set(url, macs)
    }
    return macs
  }
}

function isValue (value: string): boolean {
  return /^[\w-]{22}$/.test(value)
}

/** As the characters of base64url. */
function mac (secret: string, url: string): Buffer {
  return Buffer.from(createHmac('sha256', secret).update(url).digest().subarray(0, MAC_BYTES).toString('base64url'), 'latin1')
}
