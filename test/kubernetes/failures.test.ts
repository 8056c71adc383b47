import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../lib/clock.js'
import { kubernetes } from '../../lib/kubernetes/index.js'
import { source } from '../../lib/kubernetes/source.js'
import { until } from '../kit/index.js'
import { ApiServer, usersSlice } from './api-server.js'
import { configOf, Heard, PATIENCE, users } from './kit.js'

t.test('a server that is gone is a failure, and once it is back there is a new list', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  await api.stop()
  await until(() => heard.errors.length >= 3, PATIENCE)
  t.match(heard.errors.at(-1)?.message, new RegExp(`^list EndpointSlices of default/users at ${api.url}: connect ECONNREFUSED 127\\.0\\.0\\.1:`))
  t.equal(heard.lists.length, 1, 'nothing is said meanwhile')
  api.delete('users-a')
  api.apply(usersSlice('users-b', ['10.0.0.2']))
  await api.listen()
  await heard.has('10.0.0.2')
})

for (const [status, reason] of [
  [401, '401, the credentials are not valid'],
  [403, '403, refused with 403, a Role must allow list and watch of endpointslices in discovery.k8s.io'],
  [404, '404, refused with 404, Kubernetes 1.21 or newer has discovery.k8s.io/v1'],
  [429, '429, refused with 429'],
  [503, '503, refused with 503']
] as const) {
  t.test(`a ${status} for the list says what to do`, async t => {
    const api = await ApiServer.start(t)
    api.refuse = status
    const heard = new Heard(t, users(api))
    await until(() => heard.errors.length > 0, PATIENCE)
    t.equal(heard.errors[0]?.message, `list EndpointSlices of default/users at ${api.url}: ${reason}`)
  })
}

t.test('a watch that is refused is a failure', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.refuse = 403
  api.endWatches()
  await until(() => heard.errors.length > 0, PATIENCE)
  t.equal(heard.errors[0]?.message, `watch EndpointSlices of default/users at ${api.url}: 403, Forbidden, a Role must allow list and watch of endpointslices in discovery.k8s.io`)
  api.refuse = undefined
  api.apply(usersSlice('users-a', ['10.0.0.2']))
  await heard.has('10.0.0.2')
})

t.test('a port that is not there is a failure that says which are', async t => {
  const api = await ApiServer.start(t)
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  const heard = new Heard(t, users(api, { port: 'web' }))
  await until(() => heard.errors.length > 0, PATIENCE)
  t.equal(heard.errors[0]?.message, "port web: the endpoints of service 'users' do not have it, they have 8080 (http, TCP)")
  api.apply({ ...usersSlice('users-a', ['10.0.0.1']), ports: [{ name: 'web', port: 8081, protocol: 'TCP' }] })
  await heard.has('10.0.0.1')
})

t.test('a source ends with its signal, whatever it is waiting for, and leaves no connection', async t => {
  const api = await ApiServer.start(t)
  const watching = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  await watching.end()
  await until(() => api.connections === 0, PATIENCE)

  api.hang = true
  const listing = new Heard(t, users(api))
  await until(() => api.asked.at(-1)?.verb === 'list' && api.connections === 1, PATIENCE)
  await listing.end()
  await until(() => api.connections === 0, PATIENCE)

  api.hang = false
  const opening = new Heard(t, users(api))
  await until(() => api.watchers === 1, PATIENCE)
  api.hang = true
  const { length } = api.asked
  api.endWatches()
  await until(() => api.asked.length > length, PATIENCE)
  await opening.end()
  await until(() => api.connections === 0, PATIENCE)
  t.same([...watching.errors, ...listing.errors, ...opening.errors], [])
})

t.test('connections are not left behind as watches come and go', async t => {
  const api = await ApiServer.start(t)
  const heard = new Heard(t, users(api))
  for (let i = 0; i < 5; i++) {
    await until(() => api.watchers === 1, PATIENCE)
    api.endWatches()
  }
  await until(() => api.watchers === 1 && api.connections <= 2, PATIENCE)
  t.same(heard.errors, [])
})

t.test('a kubeconfig file, its contexts and their namespaces', async t => {
  const api = await ApiServer.start(t)
  const kubeconfig = join(t.testdir({}), 'config')
  writeFileSync(kubeconfig, api.configFile())
  api.apply(usersSlice('users-a', ['10.0.0.1']))
  api.apply({ ...usersSlice('users-b', ['10.0.0.2']), metadata: { name: 'users-b', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'users' } } })
  await new Heard(t, kubernetes({ service: 'users', kubeconfig })).has('10.0.0.1')
  await new Heard(t, kubernetes({ service: 'users', kubeconfig, context: 'shop' })).has('10.0.0.2')
  await new Heard(t, kubernetes({ service: 'users', kubeconfig, context: 'shop', namespace: 'default' })).has('10.0.0.1')
  const lost = new Heard(t, kubernetes({ service: 'users', kubeconfig, context: 'nowhere' }))
  const missing = new Heard(t, kubernetes({ service: 'users', kubeconfig: '/nowhere/config' }))
  await until(() => lost.errors.length > 0 && missing.errors.length > 0, PATIENCE)
  t.equal(lost.errors[0]?.message, "kubernetes.context: 'nowhere' is not in the kubeconfig, or its cluster is not")
  t.match(missing.errors[0]?.message, /^kubernetes\.kubeconfig: '\/nowhere\/config' can not be read: ENOENT/)
})

t.test('the service account of a pod: its namespace, its certificate authority, its token', async t => {
  const api = await ApiServer.start(t)
  const [{ caData }] = api.config().clusters as [{ caData: string }]
  const root = t.testdir({ var: { run: { secrets: { 'kubernetes.io': { serviceaccount: { 'ca.crt': Buffer.from(caData, 'base64').toString(), token: api.token, namespace: 'shop' } } } } } })
  const { hostname, port } = new URL(api.url)
  process.env['KUBERNETES_SERVICE_HOST'] = hostname
  process.env['KUBERNETES_SERVICE_PORT'] = port
  t.teardown(() => {
    delete process.env['KUBERNETES_SERVICE_HOST']
    delete process.env['KUBERNETES_SERVICE_PORT']
  })
  const kubeconfig = configOf(api)
  kubeconfig.loadFromCluster(root)
  api.apply({ ...usersSlice('users-b', ['10.0.0.2']), metadata: { name: 'users-b', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'users' } } })
  const heard = new Heard(t, kubernetes({ service: 'users', kubeconfig }))
  await heard.has('10.0.0.2')
  t.equal(api.asked[0]?.headers.authorization, `Bearer ${api.token}`)
})

t.test('no kubeconfig and no pod is said to be so', async t => {
  const { HOME, KUBECONFIG } = process.env
  process.env['HOME'] = t.testdir({})
  delete process.env['KUBECONFIG']
  t.teardown(() => { Object.assign(process.env, { HOME, ...(KUBECONFIG === undefined ? {} : { KUBECONFIG }) }) })
  const heard = new Heard(t, kubernetes({ service: 'users' }))
  await until(() => heard.errors.length > 0, PATIENCE)
  t.match(heard.errors[0]?.message, 'kubernetes.kubeconfig: missing, and there is no $KUBECONFIG')
})

t.test('without the client the failure says what to install, and when it does not load why', async t => {
  const name = '@kubernetes/is-not-there'
  const absent = new Heard(t, source({ service: 'users' }, systemClock, async () => await import(name)))
  const old = new Heard(t, source({ service: 'users' }, systemClock, async () => { throw new TypeError('x is not a function') }))
  await until(() => absent.errors.length > 0 && old.errors.length > 0, PATIENCE)
  t.equal(absent.errors[0]?.message, "discovery from Kubernetes needs @kubernetes/client-node: npm install '@kubernetes/client-node@2'")
  t.match(old.errors[0]?.message, /^@kubernetes\/client-node can not be loaded: x is not a function; version 2 needs Node 22\.19 or newer, this is v/)
})
