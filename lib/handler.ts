import type { Duplex } from 'node:stream'
import { util, type Dispatcher } from 'undici'

/** Trailer fields: name, value, name, value, … Typed as undici does; they are Buffers, as headers are. */
export type Trailers = string[] | null

/**
 * The receiving side of a request in undici's callback shape. It costs a tenth of the controller shape per request,
 * so everything in here speaks it, and callers who speak the other are adapted once.
 */
export interface Handler {
  /** Called once, before the first attempt; `abort` gives the whole exchange up at any time. */
  onConnect (abort: (reason?: Error) => void): void
  /** Informational (1xx) headers as they come, then the final ones. Returning false pauses until `resume` is called. */
  onHeaders (status: number, headers: Buffer[], resume: () => void, statusText: string): boolean
  /** Returning false pauses. */
  onData (chunk: Buffer): boolean
  onComplete (trailers: Trailers): void
  /** A response that was collected before any of it was passed on, in place of the three calls above. */
  onWhole? (status: number, headers: Buffer[], body: Buffer | undefined, trailers: Trailers, statusText: string): void
  onError (error: Error): void
  /**
   * The connection after `101 Switching Protocols`. May return how to end it in good order, for when the target gets no more
   * traffic; without that it is destroyed.
   */
  onUpgrade? (status: number, headers: Buffer[], socket: Duplex): (() => void) | undefined | void
  onBodySent? (chunk: unknown): void
  onRequestSent? (): void
  onResponseStarted? (): void
}

/** Any undici handler in callback shape. */
export function callbackHandler (handler: Dispatcher.DispatchHandler): Handler {
  return typeof handler.onRequestStart === 'function' ? new ControllerAdapter(handler) : handler as Handler
}

/** Lets a controller-shaped handler (undici's interceptors are) be called by callbacks. */
class ControllerAdapter implements Handler {
  readonly #handler: Dispatcher.DispatchHandler
  #controller: Controller | undefined

  constructor (handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  onConnect (abort: (reason?: Error) => void): void {
    this.#controller = new Controller(abort)
    this.#handler.onRequestStart?.(this.#controller, null)
  }

  onHeaders (status: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    const controller = this.#started()
    controller.onResume = resume
    controller.rawHeaders = headers
    this.#handler.onResponseStart?.(controller, status, util.parseHeaders(headers), statusText)
    return !controller.paused
  }

  onData (chunk: Buffer): boolean {
    const controller = this.#started()
    this.#handler.onResponseData?.(controller, chunk)
    return !controller.paused
  }

  onComplete (trailers: Trailers): void {
    const controller = this.#started()
    controller.rawTrailers = trailers
    this.#handler.onResponseEnd?.(controller, util.parseHeaders(trailers ?? []))
  }

  onError (error: Error): void {
    // An exchange can fail before its first attempt; the handler still expects a controller.
    this.#handler.onResponseError?.(this.#controller ?? new Controller(() => {}), error)
  }

  onUpgrade (status: number, headers: Buffer[], socket: Duplex): void {
    const controller = this.#started()
    controller.rawHeaders = headers
    this.#handler.onRequestUpgrade?.(controller, status, util.parseHeaders(headers), socket)
  }

  #started (): Controller {
    this.#controller ??= new Controller(() => {})
    return this.#controller
  }
}

class Controller implements Dispatcher.DispatchController {
  readonly #abort: (reason?: Error) => void
  aborted = false
  paused = false
  reason: Error | null = null
  rawHeaders: Buffer[] | null = null
  rawTrailers: Trailers = null
  onResume: () => void = () => {}

  constructor (abort: (reason?: Error) => void) {
    this.#abort = abort
  }

  abort (reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#abort(reason)
  }

  pause (): void {
    this.paused = true
  }

  resume (): void {
    if (!this.paused) return
    this.paused = false
    this.onResume()
  }
}
