/** What the demo shows, as lines of at most 80 columns. */
import type { Health } from '../lib/index.js'
import type { Entry } from './journal.js'
import type { Status, TargetStatus } from './status.js'

const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

type Colour = keyof typeof CODES
export type Paint = (colour: Colour, text: string) => string

export const painted: Paint = (colour, text) => `\x1b[${CODES[colour][0]}m${text}\x1b[${CODES[colour][1]}m`
export const plain: Paint = (_colour, text) => text

const WIDTH = 80
const BAR = 10
const ENTRIES = 4

const HEALTH_COLOURS: Readonly<Record<Health, Colour>> = { up: 'green', down: 'red', trial: 'yellow', draining: 'yellow' }

/** What goes on; with `hints` it fills a terminal of 24 lines but one. */
export function table ({ url, seconds, sent, failed, retried, pools, entries }: Status, paint: Paint): string[] {
  const title = 'fastify-balancer demo'
  const elapsed = `${Math.floor(seconds)} s`.padStart(WIDTH - title.length - url.length - 3)
  const recent = entries.slice(-ENTRIES)
  return [
    ` ${paint('bold', title)}  ${paint('cyan', url)}${elapsed}`,
    '',
    paint('dim', row('', 'health'.padEnd(11), 'weight', 'share'.padEnd(BAR + 6), 'in flight', 'failures', 'latency')),
    ...pools.flatMap(({ prefix, policy, targets }) => [
      ` ${paint('bold', prefix)}  ${paint('dim', policy)}`,
      ...targets.map(target => targetRow(target, paint)),
      ''
    ]),
    ` ${sent} requests sent   ${paint(failed === 0 ? 'green' : 'red', `${failed} failed`)}   ` +
      paint(retried === 0 ? 'dim' : 'yellow', `${retried} retried on another target`),
    '',
    ...Array.from({ length: ENTRIES }, (_, i) => recent[i] === undefined ? '' : ` ${paint('dim', entryLine(recent[i]))}`)
  ]
}

/** What a user may do about it. */
export function hints (url: string, paint: Paint): string[] {
  return [
    ` Dashboard: ${paint('cyan', `${url}/_balancer/`)}`,
    ' Try it from another terminal. Ctrl-C ends the demo.',
    ...commands(url).map(command => `   ${paint('cyan', command)}`)
  ]
}

/** Lines to be added one after the other, for a stdout that is not a terminal. */
export function report ({ seconds, sent, failed, retried, pools }: Status): string[] {
  return [
    `${time(seconds)}  ${sent} requests sent, ${failed} failed, ${retried} retried on another target`,
    ...pools.flatMap(({ targets }) => targets.map(({ name, health, share, inFlight, failures, latency }) =>
      `  ${name.padEnd(9)} ${health.padEnd(8)}  share ${percent(share)}  in flight ${pad(inFlight, 2)}` +
      `  failures ${pad(failures, 3)}  latency ${milliseconds(latency)}`
    ))
  ]
}

/** One line for one thing that happened. */
export function entryLine ({ at, text }: Entry): string {
  return `${time(at)}  ${text}`.slice(0, WIDTH - 1)
}

function time (seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`
}

function commands (url: string): string[] {
  return [
    `for i in $(seq 9); do curl -s ${url}/users/$i; done`,
    `curl -i ${url}/orders -d tea`,
    `curl ${url}/_balancer/api/state`
  ]
}

function targetRow ({ name, note, weight, health, share, inFlight, failures, latency }: TargetStatus, paint: Paint): string {
  const full = Math.round(share * BAR)
  return row(
    name.padEnd(9) + paint('dim', note.padEnd(7)),
    paint(HEALTH_COLOURS[health], `● ${health}`.padEnd(11)),
    pad(weight, 6),
    `${paint('cyan', '█'.repeat(full))}${paint('dim', '░'.repeat(BAR - full))} ${percent(share)}`,
    pad(inFlight, 9),
    paint(failures === 0 ? 'dim' : 'red', pad(failures, 8)),
    milliseconds(latency)
  )
}

/** Cells that are padded already; only the first may be empty. */
function row (name: string, health: string, weight: string, share: string, ...numbers: string[]): string {
  return `  ${name || ' '.repeat(16)}${health}${weight}  ${share} ${numbers.join(' ')}`
}

function percent (share: number): string {
  return `${pad(Math.round(share * 100), 3)} %`
}

function milliseconds (ms: number | undefined): string {
  return ms === undefined ? '      –' : `${pad(Math.round(ms), 4)} ms`
}

function pad (number: number, width: number): string {
  return String(number).padStart(width)
}
