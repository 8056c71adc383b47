import createError from '@fastify/error'

/** Every error that the status API raises, with its code and its HTTP status. They go to operators, and name targets. */
export const NoSuchPoolError = createError<[string]>('FST_BALANCER_NO_SUCH_POOL', '%s', 404)
export const NoSuchTargetError = createError<[string]>('FST_BALANCER_NO_SUCH_TARGET', '%s', 404)
export const ActionsOffError = createError('FST_BALANCER_ACTIONS_OFF',
  'Actions are off: they need an onRequest hook in the options of the status plugin that says who may act, or actions: true there', 403)
export const CrossSiteError = createError<[string]>('FST_BALANCER_CROSS_SITE', 'Actions are refused to pages of other sites: %s', 403)
export const ActionRefusedError = createError<[string]>('FST_BALANCER_ACTION_REFUSED', '%s', 409)
export const NotUnderstoodError = createError<[string]>('FST_BALANCER_NOT_UNDERSTOOD', '%s', 400)
export const TooManyWatchersError = createError<[number]>('FST_BALANCER_TOO_MANY_WATCHERS', 'There are %d readers of the events already, which is as many as the option clients allows', 503)
