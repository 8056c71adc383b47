/** Where the unit is, below deploy/. */
export const UNIT = 'systemd/fastify-balancer.service'

/** The directives that the unit may use, by section: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5). */
export const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  Unit: new Set(['Description', 'Documentation', 'Wants', 'After', 'StartLimitIntervalSec']),
  Service: new Set([
    'Type', 'ExecStartPre', 'ExecStart', 'ExecReload', 'Environment', 'Restart', 'RestartSec', 'KillMode', 'TimeoutStopSec', 'OOMPolicy', 'LimitNOFILE',
    'DynamicUser', 'AmbientCapabilities', 'CapabilityBoundingSet', 'UMask', 'LockPersonality', 'NoNewPrivileges', 'PrivateDevices', 'PrivateTmp',
    'ProtectClock', 'ProtectControlGroups', 'ProtectHome', 'ProtectHostname', 'ProtectKernelLogs', 'ProtectKernelModules', 'ProtectKernelTunables',
    'ProtectProc', 'ProtectSystem', 'RemoveIPC', 'RestrictAddressFamilies', 'RestrictNamespaces', 'RestrictRealtime', 'RestrictSUIDSGID',
    'SystemCallArchitectures', 'SystemCallErrorNumber', 'SystemCallFilter'
  ]),
  Install: new Set(['WantedBy'])
}

export interface Directive {
  readonly section: string
  readonly key: string
  readonly value: string
}

/** The directives of a unit file in order: systemd.syntax(7), without continued lines. */
export function directives (source: string): Directive[] {
  let section = ''
  return source.split('\n').flatMap(line => {
    if (line === '' || line.startsWith('#')) return []
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? []
    if (title !== undefined) {
      section = title
      return []
    }
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (key === undefined || value === undefined || section === '') throw new SyntaxError(`not a directive in a section: ${line}`)
    return [{ section, key, value }]
  })
}
