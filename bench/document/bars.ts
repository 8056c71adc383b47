/** Horizontal bars as an SVG of its own, for light and dark pages. */
export interface Bars {
  readonly title: string
  /** What the ratios are of. */
  readonly subtitle: string
  readonly bars: readonly Bar[]
}

export interface Bar {
  readonly label: string
  readonly value: number
  /** Ends of the thin line across the end of the bar. */
  readonly min: number
  readonly max: number
  /** Whether it is what the reader looks for. */
  readonly ours: boolean
}

// Pixels.
const WIDTH = 720
const LABELS = 220
const FIGURES = 60
const ROW = 26
const BAR = 14
const TOP = 62
const BOTTOM = 12

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .subtitle { opacity: .75 }
  .label { text-anchor: end }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .range { stroke: #24292f; stroke-width: 1.5 }
  .one { stroke: #24292f; stroke-dasharray: 3 3; opacity: .6 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #6e7681 }
    .ours { fill: #4493f8 }
    .range, .one { stroke: #e6edf3 }
  }
`

/** Values are ratios: a dashed line is drawn at 1. */
export function drawBars ({ title, subtitle, bars }: Bars): string {
  const height = TOP + bars.length * ROW + BOTTOM
  const space = WIDTH - LABELS - FIGURES
  const most = Math.max(1, ...bars.map(({ value, max }) => Math.max(value, max)))
  const x = (value: number): string => (LABELS + value / most * space).toFixed(1)
  const rows = bars.map(({ label, value, min, max, ours }, i) => {
    const y = TOP + i * ROW
    const middle = y + BAR / 2
    return `  <text class="label" x="${LABELS - 10}" y="${middle + 4.5}">${escaped(label)}</text>
  <rect class="${ours ? 'ours' : 'bar'}" x="${LABELS}" y="${y}" width="${(value / most * space).toFixed(1)}" height="${BAR}" rx="2"/>
  <line class="range" x1="${x(min)}" x2="${x(max)}" y1="${middle}" y2="${middle}"/>
  <text x="${WIDTH - FIGURES + 10}" y="${middle + 4.5}">${value.toFixed(2)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(`${title}: ${subtitle}`)}">
  <style>${STYLE}</style>
  <text class="title" x="10" y="20">${escaped(title)}</text>
  <text class="subtitle" x="10" y="40">${escaped(subtitle)}</text>
${rows.join('\n')}
  <line class="one" x1="${x(1)}" x2="${x(1)}" y1="${TOP - 8}" y2="${height - BOTTOM}"/>
</svg>
`
}

function escaped (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
