/** Where a request would go, and why. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FullEvent } from '../lib/status/feed.js'
import { pathSegment, post } from './action-dialog.js'
import { parseRequest, routeFor } from './request.js'

export function Explain ({ routes, pools }: { routes: FullEvent['routes'], pools: readonly string[] }): JSX.Element {
  const [text, setText] = useState('')
  const [key, setKey] = useState('')
  const [pool, setPool] = useState('')
  const [answer, setAnswer] = useState('')
  const [failure, setFailure] = useState('')
  const explain = async (): Promise<void> => {
    setAnswer('')
    setFailure('')
    try {
      const { method, path, headers } = parseRequest(text)
      const name = pool === '' ? routeFor(routes, path)?.pool : pool
      if (name === undefined) throw new Error(`No route leads to ${path}: choose a pool`)
      const said = await post<{ text: string }>(`api/pools/${pathSegment(name)}/explain`, { method, path, headers, ...(key === '' ? undefined : { key }) })
      setAnswer(said.text)
    } catch (error) {
      setFailure((error as Error).message)
    }
  }
  return (
    <section aria-labelledby='explain-title'>
      <h2 id='explain-title'>Where would it go?</h2>
      <form class='explain' onSubmit={event => { event.preventDefault(); void explain() }}>
        <label class='wide'><span>A request: <code>GET /path</code> or a curl command</span><textarea rows={2} required value={text} spellcheck={false} onInput={event => { setText(event.currentTarget.value) }} /></label>
        <label><span>Pool</span>
          <select value={pool} onChange={event => { setPool(event.currentTarget.value) }}>
            <option value=''>by its route</option>
            {pools.map(name => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        <label><span>Key, for the policy hash</span><input value={key} autocomplete='off' onInput={event => { setKey(event.currentTarget.value) }} /></label>
        <button type='submit' class='primary'>Explain</button>
      </form>
      <div aria-live='polite'>
        {failure !== '' && <p class='warning'>{failure}</p>}
        {answer !== '' && <div class='answer'>{answer.split('\n').map((line, i) => <p key={i}>{line}</p>)}</div>}
      </div>
    </section>
  )
}
