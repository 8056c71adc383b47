/** What a worker answers with the snapshots of its pools. */
export const POOLS = 'pools'
