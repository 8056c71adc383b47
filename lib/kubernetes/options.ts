import { BadOptionError, show } from '../errors.js'
import { object, text } from '../option-types.js'
import { check, rule } from '../schema.js'

/** A `KubeConfig` of `@kubernetes/client-node`, as far as it is used. */
export interface KubeConfigLike {
  getCurrentCluster (): { readonly name: string, readonly server: string } | null
  getCurrentContext (): string
  getContextObject (name: string): { readonly namespace?: string } | null
  setCurrentContext (context: string): void
  applySecurityAuthentication (context: never): Promise<void>
}

/** Which service, which of its ports, and where its API server is. */
export interface KubernetesOptions {
  /** Name of the Service. */
  readonly service: string
  /** Its namespace. Default: that of the kubeconfig's context, in a cluster that of the gateway's pod; else `default`. */
  readonly namespace?: string | undefined
  /** The port that pods listen on, by its name in the Service or by its number. Default: the only one that there is. */
  readonly port?: string | number | undefined
  /** Default: `https` when the port's `appProtocol` is `https` or `kubernetes.io/wss`, else `http`. */
  readonly protocol?: 'http' | 'https' | undefined
  /** Base path of every target. Default: none. */
  readonly path?: string | undefined
  /** Use only slices of this type. Default: all, and of a pod with an IPv4 and an IPv6 address the IPv4 one. */
  readonly addressType?: 'IPv4' | 'IPv6' | 'FQDN' | undefined
  /** The gateway's own zone, for which hints of the slices are heeded; as the pool's `zone`. Default: hints are ignored. */
  readonly zone?: string | undefined
  /** Path of a kubeconfig, or a `KubeConfig`. Default: `$KUBECONFIG`, `~/.kube/config`, or the pod's service account. */
  readonly kubeconfig?: string | KubeConfigLike | undefined
  /** Context of the kubeconfig, when that is a file. Default: its current one. */
  readonly context?: string | undefined
}

const label = /^[a-z\d](?:[-a-z\d]{0,61}[a-z\d])?$/
// IANA service names have a letter, so a name is never taken for a number.
const portName = /^(?=.*[a-z])[a-z\d](?:[-a-z\d]*[a-z\d])?$/

const name = rule('a name of Kubernetes: small letters, digits and inner hyphens, 63 at the most', value => typeof value === 'string' && label.test(value),
  false, { type: 'string', pattern: label.source })

/** What can be written down in a document is all but a `KubeConfig`. */
export const kubernetesProperties = {
  service: name,
  namespace: name,
  port: rule('a number from 1 to 65535 or the name of a port', value => typeof value === 'number'
    ? Number.isInteger(value) && value > 0 && value < 65536
    : typeof value === 'string' && value.length <= 63 && portName.test(value), false, { anyOf: [{ type: 'integer', minimum: 1, maximum: 65535 }, { type: 'string', pattern: portName.source, maxLength: 63 }] }),
  protocol: { enum: ['http', 'https'] },
  path: rule('a path that begins with / and has no query', value => typeof value === 'string' && /^\/[^?#\s]*$/.test(value),
    false, { type: 'string', pattern: '^/[^?#\\s]*$' }),
  addressType: { enum: ['IPv4', 'IPv6', 'FQDN'] },
  zone: text,
  kubeconfig: text,
  context: text
} satisfies Record<keyof KubernetesOptions, object>

const schema = object({
  kubernetes: object({
    ...kubernetesProperties,
    kubeconfig: rule('a path or a KubeConfig of @kubernetes/client-node', value => typeof value === 'string'
      ? value !== ''
      : typeof (value as KubeConfigLike | null)?.getCurrentCluster === 'function')
  }, ['service'])
}, ['kubernetes'])

/** @throws BadOptionError naming the option, the value and what is allowed */
export function checkOptions (options: KubernetesOptions): void {
  const given = typeof options === 'object' && options !== null
    ? Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    : options
  check(schema, { kubernetes: given })
  if (typeof options.kubeconfig === 'object' && options.context !== undefined) {
    throw BadOptionError(`kubernetes.context: ${show(options.context)}, must be left out with a KubeConfig, which has setCurrentContext`)
  }
}
