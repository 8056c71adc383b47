/**
 * What is read of an EndpointSlice (discovery.k8s.io/v1). The names and their meaning are those of
 * https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/; servers leave out what is empty, or send null.
 */
export interface EndpointSlice {
  readonly metadata?: { readonly name?: string, readonly resourceVersion?: string }
  readonly addressType: string
  readonly endpoints?: readonly SliceEndpoint[] | null
  readonly ports?: readonly SlicePort[] | null
}

export interface SliceEndpoint {
  /** Only the first one means anything. */
  readonly addresses: readonly string[]
  readonly conditions?: EndpointConditions | null
  readonly hints?: { readonly forZones?: ReadonlyArray<{ readonly name: string }> | null } | null
  readonly targetRef?: { readonly uid?: string } | null
  readonly zone?: string | null
}

export interface EndpointConditions {
  readonly ready?: boolean | null
  readonly serving?: boolean | null
  readonly terminating?: boolean | null
}

export interface SlicePort {
  readonly name?: string | null
  readonly port?: number | null
  readonly protocol?: string | null
  readonly appProtocol?: string | null
}
