/** Rise and fall: how many probes in a row change a verdict. */
export class Verdict {
  readonly #rise: number
  readonly #fall: number
  #up: boolean
  #against = 0
  #proven: boolean

  /** @param proven whether the first state was earned; a newcomer that is down rises with its first success */
  constructor (rise: number, fall: number, up: boolean, proven: boolean) {
    this.#rise = rise
    this.#fall = fall
    this.#up = up
    this.#proven = proven
  }

  /** Takes one probe into account and says whether it changed the verdict. */
  observe (ok: boolean): boolean {
    if (ok === this.#up) {
      this.#against = 0
      return false
    }
    this.#against++
    const needed = ok ? (this.#proven ? this.#rise : 1) : this.#fall
    if (this.#against < needed) return false
    this.#up = ok
    this.#proven = true
    this.#against = 0
    return true
  }

  /** Down without waiting for more probes to say so. Says whether that is new. */
  fallNow (): boolean {
    const changed = this.#up
    this.#up = false
    this.#proven = true
    this.#against = 0
    return changed
  }
}
