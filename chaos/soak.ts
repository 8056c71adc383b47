/** `npm run soak`: many requests of every kind, or many targets that come and go; then looks at what the gateway has kept of them. */
import { endOnSignals } from './ending.js'
import { parsed, UsageError } from './command-line.js'
import { readCount } from './options.js'
import { isWell, judge, MOST_GROWTH, type Judgement, type Soaked } from './soak/judgement.js'
import { soakRequests } from './soak/requests.js'
import { soakTargets } from './soak/targets.js'
import { Stage } from './stage.js'

const HELP = `Usage: npm run soak -- [options]

Requests through a gateway, 1 % of them aborted by the client, 1 % reset and
1 % never answered by the upstream. Exit code 1 when the heap grows by 1 MB or
more per million requests (judged from 200,000 on), or when there are more
sockets or timers at the end than at the start.

  --requests N   how many (default: 1000000)
  --rate N       a second at most (default: as many as the gateway takes)
  --targets N    add and remove so many targets instead, with requests to them
  --help         show this
`

const { stdout, stderr } = process

const OPTIONS = {
  help: { type: 'boolean', default: false },
  requests: { type: 'string', default: '1000000' },
  rate: { type: 'string' },
  targets: { type: 'string' }
} as const

async function main (): Promise<void> {
  const { help, requests, rate, targets } = parsed(process.argv.slice(2), OPTIONS)
  if (help) {
    stdout.write(HELP)
    return
  }
  endOnSignals()
  const stage = new Stage({})
  const tell = (progress: string): void => { stderr.write(`${progress}\n`) }
  try {
    const soaked = targets === undefined
      ? await soakRequests(stage, { requests: readCount('--requests', requests), rate: rate === undefined ? undefined : readCount('--rate', rate), tell })
      : await soakTargets(stage, { targets: readCount('--targets', targets), tell })
    const judgement = judge(soaked)
    stdout.write(report(soaked, judgement))
    if (!isWell(judgement)) process.exitCode = 1
  } finally {
    await stage.end()
  }
}

function report ({ what, unit, start, end, slopeCounts }: Soaked, { slope, heapKept, socketsKept, timersKept }: Judgement): string {
  const verdict = (kept: boolean): string => kept ? 'kept' : 'BROKEN'
  return [
    what,
    `heap     ${megabytes(slope)} per ${unit}, less than ${megabytes(MOST_GROWTH)} is promised: ${slopeCounts ? verdict(heapKept) : 'too few to judge'}`,
    `sockets  ${start.sockets} at the start, ${end.sockets} at the end: ${verdict(socketsKept)}`,
    `timers   ${start.timers} at the start, ${end.timers} at the end: ${verdict(timersKept)}`,
    ''
  ].join('\n')
}

function megabytes (bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`
}

main().catch((error: Error) => {
  stderr.write(`soak: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exitCode = error instanceof UsageError ? 2 : 1
})
