import t from 'tap'
import { parse } from 'yaml'
import { DOCUMENT, GRACE, PROGRAM, text } from './kit.js'
import { directives, KNOWN, UNIT } from './unit.js'

const unit = directives(text(UNIT))
const valuesOf = (section: string, key: string): string[] => unit.filter(line => line.section === section && line.key === key).map(({ value }) => value)
const program = `/usr/bin/node /opt/fastify-balancer/${PROGRAM}`

t.test('the unit has directives of systemd only, each in its section and once', async t => {
  t.same(unit.filter(({ section, key, value }) => KNOWN[section]?.has(key) !== true || value === ''), [])
  const keys = unit.map(({ key }) => key).filter(key => key !== 'ExecReload')
  t.same(keys.filter((key, i) => keys.indexOf(key) !== i), [])
})

t.test('a line that is no directive is an error', async t => {
  t.throws(() => directives('[Service]\nType exec'), /Type exec/)
  t.throws(() => directives('Type=exec'), /Type=exec/)
})

t.test('it checks the document, runs the program, and reloads with SIGHUP', async t => {
  t.same(valuesOf('Service', 'ExecStartPre'), [`${program} check ${DOCUMENT}`])
  t.same(valuesOf('Service', 'ExecStart'), [`${program} start ${DOCUMENT}`])
  t.same(valuesOf('Service', 'ExecReload'), [`${program} check ${DOCUMENT}`, '/bin/kill -HUP $MAINPID'])
  t.same(valuesOf('Service', 'Type'), ['exec'])
})

t.test('it has the time to stop, and ports below 1024', async t => {
  t.ok(Number.parseInt(valuesOf('Service', 'TimeoutStopSec')[0] ?? '') > GRACE)
  const { listen } = parse(text('systemd/gateway.yaml')) as { listen: { port: number } }
  t.ok(listen.port < 1024)
  t.same(valuesOf('Service', 'AmbientCapabilities'), ['CAP_NET_BIND_SERVICE'])
})
