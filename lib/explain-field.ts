import { explainText, type Explanation, type PickExplanation } from './explanation.js'

/** Characters of the field's value at the most: many clients and proxies take 8 KiB of fields and no more. */
const FIELD_LIMIT = 4096

/** Candidates of a pick that are kept first when there is too little room. */
const FEW = 5

export type ExplanationForm = 'json' | 'text'

/** What a client asks for in its field; undefined when it does not ask. */
export function askedFor (value: string | string[] | undefined): ExplanationForm | undefined {
  const form = String(value ?? '').trim().toLowerCase()
  return form === 'json' || form === 'text' ? form : undefined
}

/** An explanation as the value of a header field: one line of printable ASCII, and not too long. */
export function explanationField (explanation: Explanation, form: ExplanationForm): string {
  if (form === 'text') {
    const text = explainText(explanation).replaceAll('\n', ' ').replace(/[^ -~]/g, '?')
    return text.length <= FIELD_LIMIT ? text : `${text.slice(0, FIELD_LIMIT - 4)} ...`
  }
  for (const shorten of SHORTER) {
    const json = ascii(JSON.stringify(shorten(explanation)))
    if (json.length <= FIELD_LIMIT) return json
  }
  return '{"shortened":true}'
}

/** Ways to say less, one after the other until it fits. What is left is JSON in any case. */
const SHORTER: ReadonlyArray<(explanation: Explanation) => object> = [
  explanation => explanation,
  explanation => ({ ...explanation, shortened: true, steps: explanation.steps.map(step => step.step === 'pick' ? withFew(step) : step) }),
  explanation => ({ ...explanation, shortened: true, steps: explanation.steps.map(step => step.step === 'pick' ? { ...step, candidates: [], more: step.candidates.length + (step.more ?? 0) } : step) }),
  explanation => ({ ...explanation, shortened: true, steps: explanation.steps.filter(({ step }) => step === 'attempt').slice(-FEW) }),
  ({ pool, policy, method, ms, result }) => ({ pool, policy, method, ms, result, shortened: true, steps: [] })
]

/** The picked one, and some of the others. */
function withFew (step: PickExplanation): PickExplanation {
  const others = step.candidates.filter(({ picked }) => picked !== true).slice(0, FEW)
  const kept = step.candidates.filter(candidate => candidate.picked === true || others.includes(candidate))
  const more = step.candidates.length - kept.length + (step.more ?? 0)
  return { ...step, candidates: kept, ...(more === 0 ? undefined : { more }) }
}

/** JSON may write every character in ASCII. */
function ascii (json: string): string {
  return json.replace(/[^ -~]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
