/** What a worker answers with how it is doing. */
export const STATUS = 'status'

/** What a worker answers with its metrics. */
export const METRICS = 'metrics'
