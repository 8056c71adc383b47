import t, { type Test } from 'tap'
import { until, type Gateway } from '../kit/index.js'
import { ApiServer } from './api-server.js'
import { following } from './follow.js'
import { PATIENCE, users } from './kit.js'
import { Service } from './service.js'
import { Traffic } from './traffic.js'

const RATE = 150

interface Scene {
  readonly api: ApiServer
  readonly service: Service
  readonly gateway: Gateway
  readonly traffic: Traffic
  /** Resolves when the pool has exactly the pods that are ready, and nothing else. */
  readonly settled: () => Promise<void>
}

/** A gateway in front of three pods, under way. Ends with what must always be so: no request has failed, no member is missing or too many. */
async function scene (t: Test, play: (scene: Scene) => Promise<void>): Promise<void> {
  const api = await ApiServer.start(t)
  const service = new Service(t, api)
  await service.start(3)
  const gateway = await following(t, users(api))
  const settled = async (): Promise<void> => {
    await until(() => gateway.app.upstreams['users']?.targets.map(({ url, health }) => `${new URL(url).hostname} ${health}`).sort().join() ===
      service.ready.map(address => `${address} up`).join(), PATIENCE)
  }
  await settled()
  await until(() => api.watchers === 1, PATIENCE)
  const traffic = new Traffic(t, gateway, RATE)
  await play({ api, service, gateway, traffic, settled })
  await until(() => traffic.sent > 2 * RATE, PATIENCE)
  await settled()
  const { perSecond } = await traffic.stop()
  t.same(traffic.failures, [], `${traffic.sent} requests at ${perSecond} a second, none failed`)
}

/** Resolves when every pod that is ready has had so many more requests. */
async function served (service: Service, more: number): Promise<void> {
  const names = [...service.pods.values()].filter(({ state }) => state === 'ready').map(({ name }) => name)
  const before = new Map(service.hits)
  await until(() => names.every(name => (service.hits.get(name) ?? 0) >= (before.get(name) ?? 0) + more), PATIENCE)
}

/** As a Deployment does it with maxSurge 1: whenever a new pod is ready, an old one is told to go. */
async function rollingUpdate (service: Service): Promise<void> {
  const going: Array<Promise<void>> = []
  for (const old of [...service.pods.keys()]) {
    await service.start(1)
    going.push(service.terminate([old]))
    await new Promise(resolve => { setTimeout(resolve, 150) })
  }
  await Promise.all(going)
}

t.test('scale up: new pods get their share, and no request fails', async t => {
  await scene(t, async ({ service, settled }) => {
    await served(service, 5)
    await service.start(4)
    await settled()
    await served(service, 10)
  })
})

t.test('scale down: pods that terminate are drained, then gone, and no request fails', async t => {
  await scene(t, async ({ service, gateway, settled }) => {
    await service.start(3)
    await settled()
    await served(service, 5)
    const pods = [...service.pods.values()].slice(0, 4)
    const addresses = pods.map(({ address }) => address)
    const gone = service.terminate(pods.map(({ name }) => name), 1000)
    const members = (): Array<[string, string]> => gateway.app.upstreams['users']?.targets.map(({ url, health }): [string, string] => [new URL(url).hostname, health]) ?? []
    await until(() => addresses.every(address => members().some(([host, health]) => host === address && health === 'draining')), PATIENCE)
    await gone
    await settled()
    await served(service, 5)
  })
})

t.test('rolling update: every pod is replaced, twice, and no request fails', async t => {
  await scene(t, async ({ service, settled }) => {
    for (let i = 0; i < 2; i++) {
      await rollingUpdate(service)
      await settled()
      await served(service, 5)
    }
  })
})

t.test('watches that expire in a rolling update: by their time, by 410 of both kinds, by a reset', async t => {
  await scene(t, async ({ api, service, settled }) => {
    const troubles: Array<() => void> = [
      () => { api.watchTime = 150 },
      () => { api.watchTime = Infinity },
      () => { api.gone = 'event' },
      () => { api.gone = 'status' },
      () => { api.cut() }
    ]
    for (const trouble of troubles) {
      trouble()
      const expiring = setInterval(() => {
        api.endWatches()
        api.compact()
      }, 250)
      await rollingUpdate(service).finally(() => { clearInterval(expiring) })
      await settled()
    }
    t.ok(api.verbs().filter(verb => verb === 'list').length > 1, `asked for ${api.verbs().join(' ')}`)
    await served(service, 5)
  })
})

t.test('the API server restarts in the middle of a scale up', async t => {
  await scene(t, async ({ api, service, settled }) => {
    const [old] = service.pods.keys()
    const more = service.start(2)
    await api.stop()
    await more
    await api.listen()
    await settled()
    await service.terminate([old ?? ''])
    await settled()
    await served(service, 5)
  })
})

t.test('the API server is away: the last list holds, and what has happened meanwhile shows once it is back', async t => {
  await scene(t, async ({ api, service, traffic, gateway, settled }) => {
    const before = gateway.app.upstreams['users']?.targets.map(({ url }) => url)
    await api.stop()
    const { sent } = traffic
    await until(() => traffic.sent > sent + RATE, PATIENCE)
    t.same(gateway.app.upstreams['users']?.targets.map(({ url }) => url), before)
    // A pod comes and another one goes while nobody can be told.
    const [old] = service.pods.keys()
    await service.start(2)
    await service.terminate([old ?? ''])
    const { sent: then } = traffic
    await until(() => traffic.sent > then + RATE, PATIENCE)
    await api.listen()
    await settled()
    await served(service, 5)
  })
})
