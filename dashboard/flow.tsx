/** Where requests go: routes, pools and targets, and between them lines as wide as what goes along them. */
import type { JSX } from 'preact'
import { severity } from '../lib/status/words.js'
import { rate, shortUrl } from './format.js'
import { MarkAt } from './marks.js'
import { recent, type Store } from './store.js'

/** What is drawn of each kind; the rest is one line. */
const MOST = 10
const ROW = 34
const TOP = 30
const COLUMNS = [8, 300, 560] as const
const NODE = [196, 150, 232] as const
const THICKEST = 22

interface Node { readonly label: string, readonly rate: number, readonly health?: string, readonly pool: number }

export function Flow ({ store }: { store: Store }): JSX.Element | null {
  const { full } = store
  if (full === undefined) return null
  const pools = full.pools.map(({ name, up, of, panicking }, i): Node => ({ label: name, rate: 0, pool: i, health: panicking || (of > 0 && up === 0) ? 'down' : up < of ? 'trial' : 'up' }))
  const poolIndex = new Map(pools.map(({ label }, i) => [label, i]))
  const routes = few(full.routes.map(({ prefix, pool }, i): Node => ({ label: prefix === '' ? '/' : prefix, rate: store.routeRates[i] ?? 0, pool: poolIndex.get(pool) ?? 0 })), MOST, 'routes')
  const perPool = Math.max(2, Math.floor(MOST * 1.4 / Math.max(1, pools.length)))
  const targets = full.pools.flatMap(({ name, targets }, i) => few(
    targets.map(({ url, health }): Node => ({ label: shortUrl(url), rate: recent(store.seriesOf(name, url)?.rate), health, pool: i })), perPool, 'targets'
  ))
  const rows = Math.max(routes.length, targets.length, pools.length, 1)
  const height = TOP + rows * ROW + 6
  const most = Math.max(1, ...routes.map(({ rate }) => rate), ...targets.map(({ rate }) => rate))
  const width = (value: number): number => value === 0 ? 1 : 1.5 + (THICKEST - 1.5) * value / most
  const y = (i: number, of: number): number => TOP + (i + 0.5) * (rows * ROW / of)
  const poolY = pools.map((_, i) => y(i, pools.length))
  const sum = `${full.routes.length} routes, ${full.pools.length} pools and ${full.totals.targets} targets, ${rate(store.requestRate)}`
  return (
    <div class='scroll' tabIndex={0} role='group' aria-label='Flow of requests, scrollable'>
      <svg class='flow' viewBox={`0 0 800 ${height}`} role='img' aria-label={`Flow of requests from routes through pools to targets: ${sum}`}>
        {['Routes', 'Pools', 'Targets'].map((title, i) => <text key={title} class='column' x={COLUMNS[i]} y='14'>{title}</text>)}
        {routes.map(({ label, rate, pool }, i) => <Link key={`r${label}${i}`} rate={rate} from={[COLUMNS[0] + NODE[0], y(i, routes.length)]} to={[COLUMNS[1], poolY[pool] ?? 0]} width={width(rate)} />)}
        {targets.map(({ label, rate, pool, health }, i) => <Link key={`t${label}${i}`} rate={rate} health={health} from={[COLUMNS[1] + NODE[1], poolY[pool] ?? 0]} to={[COLUMNS[2], y(i, targets.length)]} width={width(rate)} />)}
        {routes.map((node, i) => <Box key={`${node.label}${i}`} node={node} x={COLUMNS[0]} y={y(i, routes.length)} width={NODE[0]} />)}
        {pools.map((node, i) => {
          const own = targets.filter(({ pool }) => pool === i).reduce((total, { rate }) => total + rate, 0)
          return <Box key={node.label} node={{ ...node, rate: own }} x={COLUMNS[1]} y={poolY[i] ?? 0} width={NODE[1]} />
        })}
        {targets.map((node, i) => <Box key={`${node.pool} ${node.label}`} node={node} x={COLUMNS[2]} y={y(i, targets.length)} width={NODE[2]} />)}
      </svg>
    </div>
  )
}

function Link ({ from: [x, y], to: [x2, y2], width, rate, health = 'up' }: { from: readonly [number, number], to: readonly [number, number], width: number, rate: number, health?: string | undefined }): JSX.Element {
  const middle = (x + x2) / 2
  return <path class={`link ${rate === 0 ? 'idle' : ''} ${health}`} d={`M${x} ${y.toFixed(1)}C${middle} ${y.toFixed(1)} ${middle} ${y2.toFixed(1)} ${x2} ${y2.toFixed(1)}`} stroke-width={width.toFixed(1)} />
}

function Box ({ node: { label, rate: perSecond, health }, x, y, width }: { node: Node, x: number, y: number, width: number }): JSX.Element {
  const room = Math.floor((width - (health === undefined ? 70 : 92)) / 6.4)
  const short = label.length > room ? `${label.slice(0, room - 1)}…` : label
  return (
    <g>
      <title>{label}</title>
      <rect class='node' x={x} y={y - 13} width={width} height='26' rx='5' />
      {health !== undefined && <MarkAt health={health} x={x + 16} y={y} />}
      <text x={x + (health === undefined ? 10 : 30)} y={y + 4}>{short}</text>
      <text class='value' x={x + width - 10} y={y + 4} text-anchor='end'>{rate(perSecond)}</text>
    </g>
  )
}

/** The sick ones, then those that do the most; the others as one. */
function few (nodes: readonly Node[], most: number, of: string): Node[] {
  if (nodes.length <= most) return [...nodes]
  const order = nodes.map((node, i) => ({ node, i })).sort((a, b) => severity({ health: b.node.health ?? 'up' }) - severity({ health: a.node.health ?? 'up' }) || b.node.rate - a.node.rate || a.i - b.i)
  const shown = order.slice(0, most - 1).sort((a, b) => a.i - b.i).map(({ node }) => node)
  const rest = order.slice(most - 1)
  return [...shown, { label: `${rest.length} more ${of}`, rate: rest.reduce((sum, { node }) => sum + node.rate, 0), pool: nodes[0]?.pool ?? 0 }]
}
