import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { compiledLib } from '../kit/compiled.js'

export const BIN = join(compiledLib(), 'gateway/bin.js')

export type Line = Readonly<Record<string, unknown>> & { readonly msg: string }

/** A directory that is gone at the end of the test. */
export async function directory (t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gateway-'))
  t.teardown(async () => { await rm(path, { recursive: true, force: true }) })
  return path
}

/** Puts a file in the place of another one, of which nobody ever sees a half. */
export async function replace (file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export async function run (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const [code] = await once(child, 'close') as [number | null]
  return { code, stdout, stderr }
}

export interface Started {
  readonly child: ChildProcess
  readonly file: string
  /** Where clients come in. */
  readonly address: string
  readonly admin: string
  readonly lines: readonly Line[]
  /** The first line, of those that come from now on or have come since the last call, with such a message. */
  readonly line: (message: RegExp) => Promise<Line>
  /** @returns the exit code */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
}

/** Starts the program with a document, and waits until it serves. It is gone at the end of the test. */
export async function start (t: Test, document: string, { args = [], env = {}, file }: { args?: string[], env?: Record<string, string>, file?: string } = {}): Promise<Started> {
  const path = file ?? join(await directory(t), 'gateway.yaml')
  if (file === undefined) await writeFile(path, document)
  const child = spawn(process.execPath, [BIN, 'start', path, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close') as Promise<[number | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('{')) lines.push(JSON.parse(part) as Line)
    for (const wake of [...waiting]) wake()
  })
  let ended = false
  void closed.then(() => {
    ended = true
    for (const wake of [...waiting]) wake()
  })
  let seen = 0
  const line = async (message: RegExp): Promise<Line> => {
    for (;;) {
      const index = lines.findIndex(({ msg }, i) => i >= seen && message.test(msg))
      if (index >= 0) {
        seen = index + 1
        return lines[index] as Line
      }
      if (ended) throw new Error(`the gateway ended before ${String(message)}: ${stderr}`)
      await new Promise<void>(resolve => {
        const wake = (): void => {
          waiting.delete(wake)
          resolve()
        }
        waiting.add(wake)
      })
    }
  }
  const { address, admin } = await line(/^gateway started$/) as unknown as { address: string, admin: string }
  return {
    child,
    file: path,
    address,
    admin,
    lines,
    line,
    async stop (signal = 'SIGTERM') {
      child.kill(signal)
      const [code] = await closed
      return code
    }
  }
}
