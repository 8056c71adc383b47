import { channel } from 'node:diagnostics_channel'

/**
 * The names under which `node:diagnostics_channel` has what happens in every pool of the process. Whether anybody listens is
 * asked before a message is made, so that they cost nothing when nobody does.
 */
export const channels = {
  /** `{ target, attempt }` */
  attemptStart: channel('fastify-balancer:attempt:start'),
  /** `{ target, outcome, attempt }`, of attempts whose start somebody has listened for */
  attemptEnd: channel('fastify-balancer:attempt:end'),
  /** An ExchangeEnd. */
  exchangeEnd: channel('fastify-balancer:exchange:end'),
  /** `{ pool, target, was, health, reason }` */
  health: channel('fastify-balancer:health'),
  /** `{ pool, target, change: 'joined' | 'left' }` */
  membership: channel('fastify-balancer:membership')
}
