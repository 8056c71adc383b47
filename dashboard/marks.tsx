/** Small drawings. What they say is said in words beside them. */
import type { JSX } from 'preact'
import { SAMPLES } from './store.js'

const SHAPES: Readonly<Record<string, JSX.Element>> = {
  up: <circle cx='8' cy='8' r='5' />,
  down: <path d='M3 1.5 8 6.5l5-5L14.5 3l-5 5 5 5-1.5 1.5-5-5-5 5L1.5 13l5-5-5-5z' />,
  trial: <path d='M8 2 14.5 13.5h-13z' />,
  draining: <path d='M8 1.5 14.5 8 8 14.5 1.5 8zm0 4L5.5 8 8 10.5 10.5 8z' fill-rule='evenodd' />
}

/** One shape for each health, so that colour is not all there is. */
export function Mark ({ health }: { health: string }): JSX.Element {
  return <svg class={`mark ${health}`} viewBox='0 0 16 16' width='12' height='12' aria-hidden='true'>{SHAPES[health]}</svg>
}

export function MarkAt ({ health, x, y }: { health: string, x: number, y: number }): JSX.Element {
  return <g class={`mark ${health}`} transform={`translate(${x - 6} ${y - 6}) scale(.75)`}>{SHAPES[health]}</g>
}

export function Health ({ health }: { health: string }): JSX.Element {
  return <span class={`health ${health}`}><Mark health={health} />{health === 'trial' ? 'on trial' : health}</span>
}

const WIDTH = 64
const HEIGHT = 20

export function Spark ({ values, kind }: { values: readonly number[] | undefined, kind: string }): JSX.Element {
  const list = values ?? []
  const most = Math.max(...list, 0)
  const step = WIDTH / Math.max(1, SAMPLES - 1)
  const start = WIDTH - (list.length - 1) * step
  const points = list.map((value, i) => `${(start + i * step).toFixed(1)},${(HEIGHT - 1 - (most === 0 ? 0 : value / most * (HEIGHT - 3))).toFixed(1)}`).join(' ')
  return (
    <svg class={`spark ${kind}${most === 0 ? ' flat' : ''}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden='true'>
      {list.length > 1 && <polyline points={points} />}
    </svg>
  )
}
