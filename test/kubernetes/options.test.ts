import t from 'tap'
import { kubernetes, type KubeConfigLike } from '../../lib/kubernetes/index.js'

const config = { getCurrentCluster: () => null } as unknown as KubeConfigLike

t.test('options are checked when the source is made', async t => {
  for (const [options, message] of [
    [{}, 'kubernetes.service: missing, must be given'],
    [{ service: 'Users' }, "kubernetes.service: 'Users', must be a name of Kubernetes: small letters, digits and inner hyphens, 63 at the most"],
    [{ service: 'users,app=x' }, /^kubernetes\.service: 'users,app=x', must be a name/],
    [{ service: 'users', namespace: '../x' }, /^kubernetes\.namespace: '\.\.\/x', must be a name/],
    [{ service: 'users', port: 0 }, 'kubernetes.port: 0, must be a number from 1 to 65535 or the name of a port'],
    [{ service: 'users', port: '8080' }, "kubernetes.port: '8080', must be a number from 1 to 65535 or the name of a port"],
    [{ service: 'users', port: 80.5 }, /^kubernetes\.port: 80\.5, must be/],
    [{ service: 'users', protocol: 'h2c' }, "kubernetes.protocol: 'h2c', must be one of 'http', 'https'"],
    [{ service: 'users', path: 'v2' }, "kubernetes.path: 'v2', must be a path that begins with / and has no query"],
    [{ service: 'users', path: '/v2?x=1' }, /^kubernetes\.path: /],
    [{ service: 'users', addressType: 'ipv4' }, "kubernetes.addressType: 'ipv4', must be one of 'IPv4', 'IPv6', 'FQDN'"],
    [{ service: 'users', zone: '' }, "kubernetes.zone: '', must not be empty"],
    [{ service: 'users', kubeconfig: '' }, "kubernetes.kubeconfig: '', must be a path or a KubeConfig of @kubernetes/client-node"],
    [{ service: 'users', kubeconfig: {} }, /^kubernetes\.kubeconfig: /],
    [{ service: 'users', kubeconfig: config, context: 'x' }, "kubernetes.context: 'x', must be left out with a KubeConfig, which has setCurrentContext"],
    [{ service: 'users', ports: 1 }, /^kubernetes\.ports: unknown option, allowed are service, namespace, port, protocol, path, addressType, zone, kubeconfig, context$/],
    [undefined, /^kubernetes: undefined, must be an object|^kubernetes: missing/],
    ['users', "kubernetes: 'users', must be an object"]
  ] as const) {
    t.throws(() => kubernetes(options as never), { code: 'FST_BALANCER_BAD_OPTION', message }, JSON.stringify(options))
  }
})

t.test('what is undefined is not given, and nothing is loaded before it is used', async t => {
  t.type(kubernetes({ service: 'users', port: 'http', path: '/v2', namespace: undefined, kubeconfig: config, zone: undefined }), 'function')
  t.type(kubernetes({ service: 'users', port: 65535, protocol: 'https', addressType: 'IPv6', kubeconfig: '/etc/kubeconfig', context: 'x' }), 'function')
})
