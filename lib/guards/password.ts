import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { BadOptionError } from '../errors.js'

/** Of OWASP's settings for scrypt, which all take as long, the one that needs 16 MiB and not 128: it is a server that works them out. */
const COST = 2 ** 14
const BLOCK_SIZE = 8
const PARALLEL = 5
const LENGTH = 32

interface Hash { readonly cost: number, readonly blockSize: number, readonly parallel: number, readonly salt: Buffer, readonly key: Buffer }

/** A password as it may stand in a file: `scrypt:16384:8:5:<salt>:<key>`, salt and key as base64url. */
export async function hashPassword (password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derived(password, { cost: COST, blockSize: BLOCK_SIZE, parallel: PARALLEL, salt, key: Buffer.alloc(LENGTH) })
  return ['scrypt', COST, BLOCK_SIZE, PARALLEL, salt.toString('base64url'), key.toString('base64url')].join(':')
}

/**
 * Makes a function that says whether a password is a user's, and does not tell by its time whether there is such a user.
 *
 * A hash is worked out once for each user and good password: as long as the process lives, the same one is known by a digest
 * with a key of the process's own. Whoever guesses pays the full price, and waits for others who do: hashes are worked out one at a
 * time, since Node looks up names with the same few threads.
 *
 * @param users names, and hashes or plain passwords
 * @throws BadOptionError for a hash that is none, without quoting it
 */
export function passwordVerifier (users: Readonly<Record<string, string>>): (user: string, password: string) => Promise<boolean> {
  const stored = new Map(Object.entries(users).map(([user, text]) => [user, text.startsWith('scrypt:') ? parsed(user, text) : sha256(text)]))
  const hashes = [...stored.values()].filter((value): value is Hash => !Buffer.isBuffer(value))
  const secret = randomBytes(32)
  const known = new Map<string, Buffer>()
  let turn: Promise<unknown> = Promise.resolve()
  const oneAtATime = async (password: string, hash: Hash): Promise<Buffer> => {
    const mine = turn.then(async () => await derived(password, hash))
    turn = mine.catch(() => {})
    return await mine
  }
  return async (user, password) => {
    const expected = stored.get(user) ?? hashes[0] ?? sha256('')
    const isThere = stored.has(user)
    if (Buffer.isBuffer(expected)) {
      const isGood = timingSafeEqual(sha256(password), expected) && isThere
      // Where others have hashes, a wrong one has to take as long here.
      if (!isGood && hashes[0] !== undefined) await oneAtATime(password, hashes[0])
      return isGood
    }
    const digest = createHmac('sha256', secret).update(password).digest()
    const before = known.get(user)
    if (before !== undefined && timingSafeEqual(before, digest)) return true
    const isGood = timingSafeEqual(await oneAtATime(password, expected), expected.key) && isThere
    if (isGood) known.set(user, digest)
    return isGood
  }
}

function parsed (user: string, text: string): Hash {
  const [, cost, blockSize, parallel, salt, key] = /^scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3}):([\w-]+):([\w-]{22,})$/.exec(text) ?? []
  const hash = { cost: Number(cost), blockSize: Number(blockSize), parallel: Number(parallel), salt: Buffer.from(salt ?? '', 'base64url'), key: Buffer.from(key ?? '', 'base64url') }
  if (salt === undefined || hash.cost < 2 || !Number.isInteger(Math.log2(hash.cost)) || hash.blockSize < 1 || hash.parallel < 1) {
    throw BadOptionError(`guards.basicAuth.users.${user}: this hash can not be read, must be scrypt:cost:block size:parallel:salt:key, the cost a power of two, salt and key as base64url`)
  }
  return hash
}

async function derived (password: string, { cost, blockSize, parallel, salt, key }: Hash): Promise<Buffer> {
  // Node allows 32 MiB unless told otherwise; the function needs 128 bytes for each unit of cost and block size.
  const maxmem = 128 * cost * blockSize + 128 * blockSize * parallel + 1024 * 1024
  return await new Promise((resolve, reject) => {
    scrypt(password, salt, key.length, { N: cost, r: blockSize, p: parallel, maxmem }, (error, made) => { if (error === null) resolve(made); else reject(error) })
  })
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
