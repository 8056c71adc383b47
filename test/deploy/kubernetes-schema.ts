/** Manifests against what is published of the Kubernetes API: its schemas for values, its types for names. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { Manifest } from './kit.js'

interface Model { validate (): void }

const require = createRequire(import.meta.url)

/** What the published JSON schema of its kind has against a manifest; undefined when it is fine. Does not mind fields that do not exist. */
export function schemaProblem (manifest: Manifest): string | undefined {
  const models = require(`kubernetes-models/${manifest.apiVersion}`) as Record<string, new (manifest: Manifest) => Model>
  const Kind = models[manifest.kind]
  if (Kind === undefined) return `${manifest.apiVersion} has no ${manifest.kind}`
  try {
    new Kind(manifest).validate()
    return undefined
  } catch (error) {
    return String(error)
  }
}

/**
 * What the published types have against manifests, one line each. A compiler finds the fields of a literal that do not
 * exist, at any depth, which a schema without `additionalProperties` lets pass, and so does an API server by default.
 */
export function typeProblems (manifests: readonly Manifest[]): string[] {
  const name = fileURLToPath(new URL('manifests.ts', import.meta.url))
  const source = manifests.flatMap((manifest, i) => [
    `import { type I${manifest.kind} as I${i} } from 'kubernetes-models/${manifest.apiVersion}'`,
    `export const m${i}: I${i} = ${JSON.stringify(manifest)}`
  ]).join('\n')
  const options: ts.CompilerOptions = {
    strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.getSourceFile = (file, ...rest) => file === name ? ts.createSourceFile(file, source, ts.ScriptTarget.ES2022) : getSourceFile.call(host, file, ...rest)
  host.fileExists = file => file === name || fileExists.call(host, file)
  const program = ts.createProgram([name], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
