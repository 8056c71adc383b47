/** What a worker answers with how it is doing. */
export const STATUS = 'status'
