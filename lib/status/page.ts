import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { BadOptionError } from '../errors.js'

/** One file of the page, as the build has written it: plain, and compressed. */
interface Asset {
  readonly name: string
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  readonly gzip: Buffer
  readonly br: Buffer
}

/** Where the build puts them, for this file as it is and as it is compiled. */
const ASSETS = new URL('../../dist/status/page/', import.meta.url)

const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"
].join('; ')

/**
 * The page for browsers at `/`, and its files, whose names change with what is in them.
 *
 * @throws BadOptionError when the page has not been built
 */
export async function mountPage (app: FastifyInstance): Promise<void> {
  const assets = readAssets()
  for (const asset of assets) {
    const page = asset.name === 'index.html'
    const handler = (request: FastifyRequest, reply: FastifyReply): FastifyReply => sendAsset(request, reply, asset, page)
    app.get(page ? '/' : `/${asset.name}`, { schema: HIDDEN, prefixTrailingSlash: 'slash' }, handler)
  }
  // Paths in the page are relative to it, for which its own has to end with a slash. What that path is behind a proxy only the browser knows.
  if (app.prefix !== '') {
    app.get('', { schema: HIDDEN }, (_request, reply) => reply.headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': TO_SLASH_POLICY }).send(TO_SLASH))
  }
}

const SCRIPT = "location.replace(location.pathname + '/' + location.search + location.hash)"
const TO_SLASH = `<!doctype html><html lang="en"><title>fastify-balancer</title><p>The page is at this address with a / at its end.</p><script>${SCRIPT}</script></html>`
const TO_SLASH_POLICY = `default-src 'none'; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** For OpenAPI: browsers find it by themselves. */
const HIDDEN: FastifySchema & { readonly hide: boolean } = { hide: true }

function sendAsset (request: FastifyRequest, reply: FastifyReply, { type, etag, plain, gzip, br }: Asset, page: boolean): FastifyReply {
  reply.headers({
    'content-type': type,
    etag,
    vary: 'accept-encoding',
    // What is in the others never changes under their names.
    'cache-control': page ? 'private, no-cache' : 'private, max-age=31536000, immutable',
    ...(page ? { 'content-security-policy': POLICY, 'x-frame-options': 'DENY' } : undefined)
  })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  const accepted = String(request.headers['accept-encoding'] ?? '')
  if (/\bbr\b/.test(accepted)) return reply.header('content-encoding', 'br').send(br)
  if (/\bgzip\b/.test(accepted)) return reply.header('content-encoding', 'gzip').send(gzip)
  return reply.send(plain)
}

function readAssets (): Asset[] {
  let names: string[]
  try {
    names = JSON.parse(readFileSync(new URL('manifest.json', ASSETS), 'utf8')) as string[]
  } catch (error) {
    throw BadOptionError(`dashboard: true, must be false until the page has been built by \`npm run build:dashboard\` (${(error as Error).message})`)
  }
  return names.map(name => {
    const plain = readFileSync(new URL(name, ASSETS))
    return {
      name,
      type: TYPES[name.slice(name.lastIndexOf('.'))] ?? 'application/octet-stream',
      etag: `"${createHash('sha256').update(plain).digest('base64url')}"`,
      plain,
      gzip: readFileSync(new URL(`${name}.gz`, ASSETS)),
      br: readFileSync(new URL(`${name}.br`, ASSETS))
    }
  })
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml'
}
