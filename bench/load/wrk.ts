import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Process } from '../process.js'
import type { HttpPlan, Measured } from './load.js'

/** What wrk says of itself; undefined where it is not installed. */
export async function wrkVersion (): Promise<string | undefined> {
  // It has no option that ends well.
  const said = await promisify(execFile)('wrk', ['-v']).then(({ stdout }) => stdout, (error: { stdout?: string }) => error.stdout ?? '')
  return /^wrk\s+(\S+)/.exec(said)?.[1]
}

/** `seconds` is a whole number: wrk takes no other. `directory` is for its script. */
export async function runWrk (url: string, plan: HttpPlan, seconds: number, { prefix, directory }: { prefix: readonly string[], directory: string }): Promise<Measured> {
  const script = join(directory, 'load.lua')
  await writeFile(script, scriptOf(plan))
  const args = ['--latency', '-t1', `-c${plan.connections}`, `-d${seconds}s`, ...isPlain(plan) ? [] : ['-s', script], `${url}${plan.paths[0]}`]
  return readWrk(await new Process({ prefix, command: 'wrk', args, talks: false }).output())
}

function isPlain ({ method, paths, body }: HttpPlan): boolean {
  return method === 'GET' && paths.length === 1 && body === undefined
}

/** Requests are put together once, so that the script costs next to nothing. */
function scriptOf ({ method, paths, body }: HttpPlan): string {
  return `
local requests, n = {}, 0
function init (args)
  local body = ${body === undefined ? 'nil' : `string.rep("x", ${body})`}
  local headers = ${body === undefined ? '{}' : '{ ["Content-Type"] = "application/octet-stream" }'}
  for _, path in ipairs({ ${paths.map(path => JSON.stringify(path)).join(', ')} }) do
    requests[#requests + 1] = wrk.format("${method}", path, headers, body)
  end
end
function request ()
  n = n % #requests + 1
  return requests[n]
end
`
}

/** ms of the units that wrk uses. */
const UNITS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }

export function readWrk (output: string): Measured {
  const count = Number(/^\s*(\d+) requests in /m.exec(output)?.[1] ?? 0)
  const sockets = /^\s*Socket errors: (.*)$/m.exec(output)?.[1] ?? ''
  const refused = /^\s*Non-2xx or 3xx responses: (\d+)$/m.exec(output)?.[1]
  return {
    count,
    perSecond: Number(/^Requests\/sec:\s*([\d.]+)$/m.exec(output)?.[1] ?? 0),
    p50: percentileOf(output, 50),
    p99: percentileOf(output, 99),
    errors: [
      ...count === 0 ? ['nothing was answered'] : [],
      ...[...sockets.matchAll(/(\w+) ([1-9]\d*)/g)].map(([, kind, times]) => `${times} socket errors (${kind})`),
      ...refused === undefined ? [] : [`${refused} answers were neither 2xx nor 3xx`]
    ]
  }
}

function percentileOf (output: string, percentile: number): number {
  const [, value, unit = ''] = new RegExp(`^\\s*${percentile}(?:\\.0+)?%\\s+([\\d.]+)(us|ms|s|m|h)\\s*$`, 'm').exec(output) ?? []
  return value === undefined ? NaN : Number(value) * (UNITS[unit] ?? NaN)
}
