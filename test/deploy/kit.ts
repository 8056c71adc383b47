/** What the tests of deploy/ share: its files, the gateway documents in them, and what the program promises about its end. */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

export const root = new URL('../../', import.meta.url)
export const deploy = new URL('deploy/', root)

export const { version, bin, files } = JSON.parse(text('../package.json')) as { version: string, bin?: Record<string, string>, files: string[] }

/** Where the program is in an installed package. */
export const PROGRAM = `node_modules/fastify-balancer/${bin?.['fastify-balancer'] ?? 'dist/gateway/bin.js'}`.replace('/./', '/')

/** Where the program looks for its document, in every deployment. */
export const DOCUMENT = '/etc/fastify-balancer/gateway.yaml'

/** @param path below deploy/ */
export function text (path: string): string {
  return readFileSync(new URL(path, deploy), 'utf8')
}

export function pathOf (path: string): string {
  return fileURLToPath(new URL(path, deploy))
}

/** What is in a YAML file, warnings being errors. */
export function yamlIn (path: string): unknown[] {
  return parseAllDocuments(text(path), { merge: true }).map(document => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw new Error(`${path}: ${problem.message}`)
    return document.toJS() as unknown
  })
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string, readonly namespace?: string, readonly labels?: Record<string, string> }
  readonly [field: string]: unknown
}

const KUSTOMIZATION = 'kustomization.yaml'

/** Names of the files with Kubernetes objects. */
export const manifestFiles = readdirSync(new URL('kubernetes/', deploy)).filter(name => name !== KUSTOMIZATION).sort()

export const manifests = manifestFiles.flatMap(name => yamlIn(`kubernetes/${name}`) as Manifest[])

export const kustomization = yamlIn(`kubernetes/${KUSTOMIZATION}`)[0] as { resources: string[], images: Array<{ name: string, newTag: string }> }

/** The Kubernetes object of a kind, of which there is one. */
export function manifest (kind: string): Manifest {
  const found = manifests.filter(manifest => manifest.kind === kind)
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} of ${kind}`)
  return found[0]
}

/** Every gateway.yaml in deploy/, with where it is. */
export function gatewayDocuments (): Array<{ readonly name: string, readonly text: string }> {
  const { 'gateway.yaml': inConfigMap = '' } = manifest('ConfigMap').data as Record<string, string>
  return [
    { name: 'compose/gateway.yaml', text: text('compose/gateway.yaml') },
    { name: 'kubernetes/configmap.yaml', text: inConfigMap },
    { name: 'systemd/gateway.yaml', text: text('systemd/gateway.yaml') }
  ]
}

/** Seconds that the default `grace` of a shutdown takes, as the README has it. */
export const GRACE = Number(/^\| `grace` \| ms \| `(\d+)` \|/m.exec(text('../README.md'))?.[1]) / 1000

/** The exit code of Node when it is run with these arguments. */
export async function exitOf (args: readonly string[], env: Record<string, string>): Promise<number | null> {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  return await new Promise((resolve, reject) => { child.on('exit', resolve).on('error', reject) })
}

export interface CommandService {
  readonly command: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly [key: string]: unknown
}

export interface Compose {
  readonly services: Record<string, CommandService>
  readonly networks: Record<string, { internal?: boolean }>
}

export const compose = yamlIn('compose.yaml')[0] as Compose
