import { isInstalled } from '../../chaos/others.js'
import { startNginx } from './nginx.js'
import { startNode } from './node.js'
import type { Upstream, UpstreamName, UpstreamNeeds } from './upstream.js'

/** nginx where it is installed and can do what is needed, and nothing else is wished for. */
export async function startUpstream (needs: UpstreamNeeds, wish: UpstreamName | undefined, prefix: readonly string[]): Promise<Upstream> {
  const node = needs.streams || wish === 'node' || !await isInstalled('nginx')
  if (node && wish === 'nginx' && !needs.streams) throw new Error('nginx is not installed')
  return node ? await startNode(needs, prefix) : await startNginx(needs, prefix)
}
