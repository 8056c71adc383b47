/** Asks before anything is done to a target. */
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TargetState } from '../lib/status/state.js'
import { shortUrl } from './format.js'

export interface Asked {
  readonly action: 'drain' | 'undrain' | 'eject' | 'weight'
  readonly pool: string
  readonly target: TargetState
}

const TEXTS: Readonly<Record<Asked['action'], readonly [title: string, text: string, button: string]>> = {
  drain: ['Drain', 'It gets no new requests. What it has in flight finishes.', 'Drain'],
  undrain: ['Undrain', 'It gets requests again.', 'Undrain'],
  eject: ['Eject', 'It is taken out for a while. Then one request shows whether it is well.', 'Eject'],
  weight: ['Change the weight of', 'Its share of the traffic, next to the weights of the others. 0 drains it.', 'Change']
}

export function ActionDialog ({ asked, close }: { asked: Asked | undefined, close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const [failure, setFailure] = useState('')
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    setFailure('')
    if (asked !== undefined) dialog.current?.showModal()
  }, [asked])
  const [title, text, button] = TEXTS[asked?.action ?? 'drain']
  const send = async (form: HTMLFormElement): Promise<void> => {
    if (asked === undefined) return
    const fields = new FormData(form)
    const seconds = Number(fields.get('seconds'))
    const reason = String(fields.get('reason') ?? '').trim()
    const body = {
      target: asked.target.url,
      ...(asked.action === 'eject' ? { ms: seconds * 1000, ...(reason === '' ? undefined : { reason }) } : undefined),
      ...(asked.action === 'weight' ? { weight: Number(fields.get('weight')) } : undefined)
    }
    setBusy(true)
    try {
      await post(`api/pools/${pathSegment(asked.pool)}/${asked.action}`, body)
      dialog.current?.close()
    } catch (error) {
      setFailure((error as Error).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby='dialog-title' onClose={close}>
      {asked !== undefined && (
        <form onSubmit={event => { event.preventDefault(); void send(event.currentTarget) }}>
          <h2 id='dialog-title'>{title} {shortUrl(asked.target.url)}?</h2>
          <p>{text}</p>
          {/* With `value` each second's news would put back what is being typed over. */}
          {asked.action === 'eject' && (
            <>
              <label><span>Seconds</span><input name='seconds' type='number' min='1' max='86400' defaultValue='30' required /></label>
              <label><span>Reason, for the log</span><input name='reason' maxLength={200} autocomplete='off' /></label>
            </>
          )}
          {asked.action === 'weight' && <label><span>Weight</span><input name='weight' type='number' min='0' max='1000000' step='any' defaultValue={String(asked.target.weight)} required /></label>}
          {failure !== '' && <p class='warning' role='alert'>{failure}</p>}
          <div class='buttons'>
            <button type='button' onClick={() => { dialog.current?.close() }}>Cancel</button>
            <button type='submit' class='primary' disabled={busy}>{button}</button>
          </div>
        </form>
      )}
    </dialog>
  )
}

/** A name as a part of a path, encoded twice: proxies decode it once, and what is a `/` or a `..` then leads elsewhere. */
export function pathSegment (name: string): string {
  return encodeURIComponent(encodeURIComponent(name).replaceAll('.', '%2E'))
}

/** @throws Error with what the gateway says */
export async function post<Body> (path: string, body: object): Promise<Body> {
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    .catch(() => { throw new Error('The gateway can not be reached') })
  const answer = await response.json().catch(() => ({})) as { message?: string }
  if (!response.ok) throw new Error(answer.message ?? `The gateway answered ${response.status}`)
  return answer as Body
}
