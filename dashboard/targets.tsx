/** The targets of each pool, the sick ones first. Roles are spelt out: a table that a phone shows as cards loses them. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { PoolState, TargetState } from '../lib/status/state.js'
import { severity, targetWords } from '../lib/status/words.js'
import type { Asked } from './action-dialog.js'
import { count, ms, rate, shortUrl } from './format.js'
import { Health, Spark } from './marks.js'
import { recent, type Store } from './store.js'

/** Rows that are shown of a pool until more are asked for. */
const PAGE = 20

const FILTERS = ['all', 'up', 'down', 'trial', 'draining'] as const

export function Targets ({ store, ask }: { store: Store, ask: (asked: Asked) => void }): JSX.Element | null {
  const [search, setSearch] = useState('')
  const [only, setOnly] = useState('all')
  const { full } = store
  if (full === undefined) return null
  const words = search.toLowerCase()
  const wanted = ({ url, health, reason = '', zone = '' }: TargetState): boolean =>
    (only === 'all' || health === only) && (words === '' || `${url} ${reason} ${zone}`.toLowerCase().includes(words))
  const found = full.pools.map(pool => ({ pool, targets: pool.targets.filter(wanted) }))
  const total = found.reduce((sum, { targets }) => sum + targets.length, 0)
  return (
    <section id='targets' aria-labelledby='targets-title' tabIndex={-1}>
      <div class='bar'>
        <h2 id='targets-title'>Targets</h2>
        <form class='filters' role='search' onSubmit={event => { event.preventDefault() }}>
          <label><span>Search</span><input type='search' value={search} placeholder='URL, reason or zone' onInput={event => { setSearch(event.currentTarget.value) }} /></label>
          <label><span>Health</span>
            <select value={only} onChange={event => { setOnly(event.currentTarget.value) }}>
              {FILTERS.map(filter => <option key={filter} value={filter}>{filter === 'trial' ? 'on trial' : filter}</option>)}
            </select>
          </label>
        </form>
      </div>
      {(search !== '' || only !== 'all') && <p class='quiet' role='status'>{total === 0 ? 'No target is like that' : `${count(total)} of ${count(full.totals.targets)} targets`}</p>}
      {found.map(({ pool, targets }) => <Pool key={pool.name} store={store} pool={pool} targets={targets} ask={ask} now={full.at} actions={full.actions} narrowed={total !== full.totals.targets} />)}
      {!full.actions && <p class='quiet'>Actions are off. They need an onRequest hook that says who may act, or <code>actions: true</code>.</p>}
    </section>
  )
}

interface PoolProps {
  readonly store: Store
  readonly pool: PoolState
  readonly targets: readonly TargetState[]
  readonly ask: (asked: Asked) => void
  readonly now: number
  readonly actions: boolean
  readonly narrowed: boolean
}

function Pool ({ store, pool, targets, ask, now, actions, narrowed }: PoolProps): JSX.Element | null {
  const [shown, setShown] = useState(PAGE)
  if (narrowed && targets.length === 0) return null
  const sorted = [...targets].sort((a, b) => severity(b) - severity(a))
  const page = sorted.slice(0, shown)
  const { load, limits, counters, budgetLeft } = pool
  return (
    <section class='pool' aria-labelledby={`pool-${pool.name}`}>
      <div class='bar'>
        <h3 id={`pool-${pool.name}`}>{pool.name}</h3>
        <p class='facts'>
          <span>{pool.policy}</span>
          <span>{pool.up} of {pool.of} up</span>
          <span>{count(load.inFlight)}{limits.inFlight > 0 && ` of ${count(limits.inFlight)}`} in flight</span>
          <span>{count(load.waiting)} in line</span>
          <span>{count(counters.retries)} {counters.retries === 1 ? 'retry' : 'retries'}</span>
          {budgetLeft !== undefined && <span>budget for {count(Math.floor(budgetLeft))} more</span>}
        </p>
      </div>
      {pool.warnings.map(warning => <p key={warning} class='warning'>{warning}</p>)}
      <table role='table'>
        <caption class='hidden'>Targets of {pool.name}, the sick ones first</caption>
        <thead role='rowgroup'>
          <tr role='row'><th role='columnheader' scope='col'>Target</th><th role='columnheader' scope='col'>Health</th><th role='columnheader' scope='col'>Rate</th><th role='columnheader' scope='col'>Latency</th><th role='columnheader' scope='col'>Errors</th><th role='columnheader' scope='col' class='number'>In flight</th><th role='columnheader' scope='col' class='number'>Weight</th>{actions && <th role='columnheader' scope='col'><span class='hidden'>Actions</span></th>}</tr>
        </thead>
        <tbody role='rowgroup'>{page.map(target => <Row key={target.url} store={store} pool={pool.name} target={target} ask={ask} now={now} actions={actions} />)}</tbody>
      </table>
      {sorted.length > shown && (
        <p class='more'>
          <button type='button' onClick={() => { setShown(shown + PAGE * 2) }}>Show {Math.min(PAGE * 2, sorted.length - shown)} more</button>
          <span class='quiet'>{count(page.length)} of {count(sorted.length)} are shown</span>
        </p>
      )}
    </section>
  )
}

function Row ({ store, pool, target, ask, now, actions }: { store: Store, pool: string, target: TargetState, ask: (asked: Asked) => void, now: number, actions: boolean }): JSX.Element {
  const { url, health, weight, inFlight, streams, latency, limit, zone, priority, share } = target
  const series = store.seriesOf(pool, url)
  const errors = recent(series?.errors)
  const facts = [...(zone === undefined ? [] : [`zone ${zone}`]), ...(priority === 0 ? [] : [`priority ${priority}`]), ...(share < 1 ? [`${Math.round(share * 100)} % of its share`] : [])]
  const drained = health === 'draining' && target.cause === 'operator'
  const button = (action: Asked['action'], label: string): JSX.Element =>
    <button type='button' aria-label={`${label} ${shortUrl(url)}`} onClick={() => { ask({ action, pool, target }) }}>{label}</button>
  return (
    <tr role='row' class={health}>
      <th role='rowheader' scope='row' class='url'>{shortUrl(url)}{facts.length > 0 && <span class='quiet'> {facts.join(', ')}</span>}</th>
      <td role='cell' class='why'><Health health={health} />{severity(target) > 0 && <span class='reason'>{targetWords(target, now)}</span>}</td>
      <td role='cell' data-label='Rate'><Spark values={series?.rate} kind='rate' /><span class='figure'>{rate(recent(series?.rate))}</span></td>
      <td role='cell' data-label='Latency'><Spark values={series?.latency} kind='latency' /><span class='figure'>{ms(latency)}</span></td>
      <td role='cell' data-label='Errors'><Spark values={series?.errors} kind='errors' /><span class={errors > 0 ? 'figure bad' : 'figure'}>{rate(errors)}</span></td>
      <td role='cell' data-label='In flight' class='number'>{count(inFlight)}{limit !== undefined && ` of ${count(Math.floor(limit))}`}{streams > 0 && `, ${streams} streams`}</td>
      <td role='cell' data-label='Weight' class='number'>{weight}</td>
      {actions && (
        <td role='cell' class='actions'>
          {drained && weight > 0 ? button('undrain', 'Undrain') : button('drain', 'Drain')}
          {button('eject', 'Eject')}
          {button('weight', 'Weight')}
        </td>
      )}
    </tr>
  )
}
