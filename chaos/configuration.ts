/** What a server that is installed on the machine is started with. */
export interface Configuration {
  readonly file: string
  readonly text: string
  readonly args: readonly string[]
}
