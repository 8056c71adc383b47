import type { Workload } from '../workload.js'

const ROUTES = 100

/** In an order in which neighbours have little in common; 37 and 100 have no factor in common, so every route has its turn. */
const paths = Array.from({ length: ROUTES }, (_, i) => `/r${i * 37 % ROUTES}/users/${i}?page=${i % 7}`)

export const workload: Workload = {
  about: `GET of 28 B over ${ROUTES} routes`,
  needs: 'routes',
  plan: { kind: 'http', method: 'GET', paths, connections: 64 },
  setup: { routes: ROUTES }
}
