import { render, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FullEvent } from '../lib/status/feed.js'
import { ActionDialog, type Asked } from './action-dialog.js'
import { Explain } from './explain.js'
import { Flow } from './flow.js'
import { count, rate, shortUrl } from './format.js'
import { Mark } from './marks.js'
import { Store } from './store.js'
import { Targets } from './targets.js'
import { Timeline } from './timeline.js'

/** Problems that are listed at the top; all of them are among the targets. */
const PROBLEMS = 6

function App ({ store }: { store: Store }): JSX.Element {
  const [asked, ask] = useState<Asked>()
  const { full } = store
  return (
    <>
      <Header store={store} />
      {full !== undefined && (
        <main>
          <Problems full={full} />
          <section aria-labelledby='flow-title'><h2 id='flow-title'>Where requests go</h2><Flow store={store} /></section>
          <Targets store={store} ask={ask} />
          <Timeline full={full} />
          <Explain routes={full.routes} pools={names(full)} />
        </main>
      )}
      <ActionDialog asked={asked} close={() => { ask(undefined) }} />
    </>
  )
}

function Header ({ store }: { store: Store }): JSX.Element {
  const { full, online, lostAt } = store
  const state = online ? full?.closing === true ? 'The gateway is closing' : 'Live' : lostAt === undefined ? 'Connecting' : 'No connection, trying again'
  return (
    <header>
      <h1>Gateway</h1>
      <p class={`connection ${online ? 'on' : 'off'}`} role='status'>{state}</p>
      {full !== undefined && <Totals full={full} requestRate={store.requestRate} />}
    </header>
  )
}

function names ({ pools }: FullEvent): string[] {
  return pools.map(({ name }) => name)
}

function Totals ({ full: { totals }, requestRate }: { full: FullEvent, requestRate: number }): JSX.Element {
  const share = totals.requests === 0 ? 0 : totals.saved / totals.requests
  return (
    <dl class='totals'>
      <div><dt>Requests</dt><dd>{rate(requestRate)}</dd></div>
      <div><dt>In flight</dt><dd>{count(totals.inFlight)}</dd></div>
      <div class={totals.up < totals.targets ? 'bad' : ''}><dt>Targets up</dt><dd>{count(totals.up)} <small>of {count(totals.targets)}</small></dd></div>
      <div><dt>Saved by another attempt</dt><dd>{count(totals.saved)} <small>{share > 0 && share < 0.0001 ? 'under 0.01 %' : `${(share * 100).toFixed(2)} %`} of {count(totals.requests)}</small></dd></div>
    </dl>
  )
}

function Problems ({ full: { problems } }: { full: FullEvent }): JSX.Element {
  const shown = problems.slice(0, PROBLEMS)
  return (
    <section aria-labelledby='problems-title' class='problems'>
      <h2 id='problems-title'>{problems.length === 0 ? 'All is well' : problems.length === 1 ? '1 thing to look at' : `${count(problems.length)} things to look at`}</h2>
      {shown.length > 0 && (
        <ul>
          {shown.map(({ pool, target, health, words }) => (
            <li key={`${pool} ${target ?? words}`}><Mark health={health ?? 'trial'} /><span><strong>{target === undefined ? pool : shortUrl(target)}</strong>{target !== undefined && ` of ${pool}`} {target === undefined ? ': ' : 'is '}{words}</span></li>
          ))}
        </ul>
      )}
      {problems.length > shown.length && <p class='quiet'>and {count(problems.length - shown.length)} more, <a href='#targets'>among the targets</a></p>}
    </section>
  )
}

const root = document.getElementById('app') as HTMLElement
root.replaceChildren()
let asked = false
const store = new Store(() => {
  // Nobody sees a page that is hidden: the browser draws it when it is shown again.
  if (asked) return
  asked = true
  requestAnimationFrame(() => {
    asked = false
    draw()
  })
})

function draw (): void {
  render(<App store={store} />, root)
}

draw()
store.connect()
