/** What has happened: when targets went down and came back, and what operators did. */
import type { JSX } from 'preact'
import type { FullEvent } from '../lib/status/feed.js'
import { shortUrl, time } from './format.js'
import { Health, MarkAt } from './marks.js'

/** Milliseconds that are drawn, and lanes and lines of text at the most. */
const SPAN = 15 * 60_000
const LANES = 8
const LINES = 20
const LANE = 24
const LEFT = 130
const WIDTH = 800

export function Timeline ({ full }: { full: FullEvent }): JSX.Element {
  const { at, transitions, deeds } = full
  const since = at - SPAN
  const lanes = full.pools.slice(0, LANES).map(({ name }) => name)
  const x = (when: number): number => LEFT + (WIDTH - LEFT - 12) * (when - since) / SPAN
  const drawn = transitions.filter(({ at, pool }) => at >= since && lanes.includes(pool))
  const lines = [
    ...transitions.map(({ at, pool, target, health, reason }) => ({ at, key: `${at} ${target} ${health}`, health, text: `${shortUrl(target)} of ${pool}: ${reason}` })),
    ...deeds.map(({ at, who, action, pool, target }) => ({ at, key: `${at} ${target} ${action}`, health: undefined, text: `${who} has ${action === 'drained' || action === 'undrained' ? action : `had it ${action}`}: ${shortUrl(target)} of ${pool}` }))
  ].sort((a, b) => b.at - a.at).slice(0, LINES)
  const height = lanes.length * LANE + 22
  return (
    <section aria-labelledby='timeline-title'>
      <h2 id='timeline-title'>What has happened</h2>
      <div class='scroll' tabIndex={0} role='group' aria-label='Timeline, scrollable'>
        <svg class='timeline' viewBox={`0 0 ${WIDTH} ${height}`} role='img' aria-label={`${drawn.length} changes of health in the last 15 minutes`}>
          {lanes.map((name, i) => (
            <g key={name}>
              <text x='0' y={i * LANE + 16}>{name.length > 18 ? `${name.slice(0, 17)}…` : name}</text>
              <line class='lane' x1={LEFT} x2={WIDTH - 12} y1={i * LANE + 12} y2={i * LANE + 12} />
            </g>
          ))}
          {[15, 10, 5, 0].map(minutes => <text key={minutes} class='value' x={x(at - minutes * 60_000)} y={height - 4} text-anchor={minutes === 0 ? 'end' : 'middle'}>{minutes === 0 ? 'now' : `${minutes} min ago`}</text>)}
          {[...drawn].reverse().map(({ at, pool, target, health, reason }) => (
            <g key={`${at} ${target} ${health}`}><title>{`${time(at)} ${shortUrl(target)} ${health}: ${reason}`}</title><MarkAt health={health} x={x(at)} y={lanes.indexOf(pool) * LANE + 12} /></g>
          ))}
        </svg>
      </div>
      {lines.length === 0
        ? <p class='quiet'>Nothing yet.</p>
        : <ol class='events'>{lines.map(({ at, key, health, text }) => <li key={key}><time dateTime={new Date(at).toISOString()}>{time(at)}</time>{health === undefined ? <span class='health'>operator</span> : <Health health={health} />}<span>{text}</span></li>)}</ol>}
    </section>
  )
}
