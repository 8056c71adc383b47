/** Draws what several gateways cost, from the table on the page, for light and dark pages. */
export interface Line {
  readonly label: string
  /** Mean ms by place on the axis. */
  readonly values: readonly number[]
}

// Pixels.
const WIDTH = 720
const HEIGHT = 320
const LEFT = 50
const RIGHT = 170
const TOP = 50
const BOTTOM = 50

const COLORS = ['#8c959f', '#bf8700', '#0969da', '#cf222e']

export function drawLines (title: string, places: readonly number[], lines: readonly Line[], most: number): string {
  const x = (place: number): number => LEFT + place / (places.length - 1) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number => HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM)
  const marks = [0, 1, 2, 3, 4, 5, 6].map(tenth => tenth * 10).filter(value => value <= most)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${title}">
  <style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .grid { stroke: #24292f; opacity: .15 }
  .end { text-anchor: end }
  .middle { text-anchor: middle }
  polyline { fill: none; stroke-width: 2.5 }
${COLORS.map((color, i) => `  .line-${i} { stroke: ${color} }`).join('\n')}
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .grid { stroke: #e6edf3 }
  }
  </style>
  <text class="title" x="10" y="22">${title}</text>
${marks.map(value => `  <line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>
  <text class="end" x="${LEFT - 8}" y="${y(value) + 4.5}">${value}</text>`).join('\n')}
${places.map((place, i) => `  <text class="middle" x="${x(i).toFixed(1)}" y="${HEIGHT - BOTTOM + 20}">${place}</text>`).join('\n')}
  <text class="middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}">gateways</text>
${lines.map(({ values }, i) => `  <polyline class="line-${i}" points="${values.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`).join('\n')}
${lines.map(({ label }, i) => `  <line class="line-${i}" stroke-width="2.5" x1="${WIDTH - RIGHT + 20}" x2="${WIDTH - RIGHT + 44}" y1="${TOP + 20 + i * 24}" y2="${TOP + 20 + i * 24}"/>
  <text x="${WIDTH - RIGHT + 52}" y="${TOP + 24.5 + i * 24}">${label}</text>`).join('\n')}
</svg>
`
}
