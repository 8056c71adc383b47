import type { IDeployment } from 'kubernetes-models/apps/v1'
import type { IService } from 'kubernetes-models/v1'
import t from 'tap'
import { parse } from 'yaml'
import { DOCUMENT, GRACE, gatewayDocuments, kustomization, manifest, manifestFiles, manifests, version } from './kit.js'
import { schemaProblem, typeProblems } from './kubernetes-schema.js'

const deployment = manifest('Deployment') as unknown as IDeployment
const pod = deployment.spec?.template.spec
const container = pod?.containers[0]
const labels = deployment.spec?.template.metadata?.labels
const document = parse(gatewayDocuments().find(({ name }) => name.startsWith('kubernetes'))?.text ?? '') as {
  listen: { port: number }, admin: { host: string, port: number }, pools: Record<string, { discovery: { type: string, namespace: string } }>
}

const changed = (kind: string, from: string, to: string): typeof manifests[number] => JSON.parse(JSON.stringify(manifest(kind)).replace(from, to))

t.test('every manifest is as the published schema of its kind wants it', async t => {
  t.same(manifests.map(({ kind }) => kind).sort(), [
    'ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Namespace', 'NetworkPolicy', 'PodDisruptionBudget', 'Role', 'RoleBinding', 'Service', 'ServiceAccount'
  ])
  for (const manifest of manifests) t.equal(schemaProblem(manifest), undefined, manifest.kind)
})

t.test('no manifest has a field that its kind does not have', async t => {
  t.same(typeProblems(manifests), [])
})

t.test('schemas and types see what is wrong', async t => {
  t.match(schemaProblem(changed('Deployment', '"containerPort":8080', '"containerPort":"http"')), /containerPort/)
  t.match(schemaProblem(changed('Role', '"verbs"', '"verb"')), /verbs/)
  t.match(schemaProblem(changed('PodDisruptionBudget', 'policy/v1', 'apps/v1')), /has no PodDisruptionBudget/)
  t.match(typeProblems([changed('Deployment', '"periodSeconds"', '"intervalSeconds"')]), [/intervalSeconds/])
})

t.test('kustomization.yaml has every file, and this version', async t => {
  t.same([...kustomization.resources].sort(), manifestFiles)
  t.match(kustomization.images, [{ name: container?.image, newTag: version }])
})

t.test('all are in one namespace, and what names another one finds it', async t => {
  for (const { kind, metadata } of manifests) t.equal(metadata.namespace, kind === 'Namespace' ? undefined : manifest('Namespace').metadata.name, kind)
  t.match(manifest('HorizontalPodAutoscaler'), { spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata?.name } } })
  t.equal(deployment.spec?.replicas, undefined)
  t.match(pod?.volumes, [{ name: container?.volumeMounts?.[0]?.name, configMap: { name: manifest('ConfigMap').metadata.name } }])
  t.equal(`${container?.volumeMounts?.[0]?.mountPath}/gateway.yaml`, DOCUMENT)
})

t.test('every selector selects the Pods', async t => {
  t.ok(Object.keys(labels ?? {}).length > 0)
  t.same(deployment.spec?.selector.matchLabels, labels)
  t.match(manifest('Service'), { spec: { selector: labels } })
  t.match(manifest('PodDisruptionBudget'), { spec: { selector: { matchLabels: labels } } })
  t.match(manifest('NetworkPolicy'), { spec: { podSelector: { matchLabels: labels } } })
  for (const { labelSelector } of pod?.topologySpreadConstraints ?? []) t.same(labelSelector?.matchLabels, labels)
  t.same(pod?.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey), ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'])
})

t.test('ports are those of the document, and probes ask the admin listener', async t => {
  t.same(container?.ports, [{ name: 'http', containerPort: document.listen.port }, { name: 'admin', containerPort: document.admin.port }])
  t.equal(document.admin.host, '0.0.0.0', 'the kubelet does not come by loopback')
  t.same(container?.startupProbe?.httpGet, { path: '/live', port: 'admin' })
  t.same(container?.livenessProbe?.httpGet, { path: '/live', port: 'admin' })
  t.same(container?.readinessProbe?.httpGet, { path: '/ready', port: 'admin' })
  t.equal((manifest('Service') as unknown as IService).spec?.ports?.[0]?.targetPort, 'http')
  t.match(manifest('NetworkPolicy'), { spec: { ingress: [{ ports: [{ port: 'http' }] }] } }, 'nobody else gets to the admin listener')
})

t.test('a Pod has the time to stop', async t => {
  const wait = container?.lifecycle?.preStop?.sleep?.seconds ?? 0
  t.ok(wait > 0)
  t.ok((pod?.terminationGracePeriodSeconds ?? 0) > wait + GRACE)
})

t.test('a Pod keeps to the restricted standard', async t => {
  t.match(manifest('Namespace').metadata.labels, { 'pod-security.kubernetes.io/enforce': 'restricted' })
  t.match(pod?.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  t.match(container?.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
  t.equal(pod?.containers.length, 1)
  t.match(container?.resources, { requests: { cpu: String, memory: String }, limits: { memory: String } })
})

t.test('the gateway may list and watch EndpointSlices where its services are, and nothing else', async t => {
  const { name, namespace } = manifest('ServiceAccount').metadata
  t.equal(pod?.serviceAccountName, name)
  t.ok(pod?.automountServiceAccountToken)
  t.same(manifest('Role').rules, [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }])
  t.match(manifest('RoleBinding'), { roleRef: { kind: 'Role', name: manifest('Role').metadata.name }, subjects: [{ kind: 'ServiceAccount', name, namespace }] })
  for (const { discovery } of Object.values(document.pools)) t.match(discovery, { type: 'kubernetes', namespace: manifest('Role').metadata.namespace })
})
