/** What has come in on one route. A plain number, counted where the route forwards. */
export interface RouteTraffic {
  /** As the route was registered, parents' prefixes included; empty for every path. */
  readonly prefix: string
  /** Name of the pool. */
  readonly pool: string
  requests: number
}

/** By the pools of an app, of which there is one object whichever part of the app is asked. */
const routes = new WeakMap<object, RouteTraffic[]>()

/** A route has been mounted. */
export function addRoute (upstreams: object, route: RouteTraffic): void {
  const known = routes.get(upstreams)
  if (known === undefined) routes.set(upstreams, [route])
  else known.push(route)
}

/** The routes of an app in the order in which they were mounted, with the requests that each has forwarded. Counts go on in them. */
export function routesOf ({ upstreams }: { readonly upstreams: object }): ReadonlyArray<Readonly<RouteTraffic>> {
  return routes.get(upstreams) ?? []
}
