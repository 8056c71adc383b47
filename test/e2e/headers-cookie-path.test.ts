import t, { type Test } from 'tap'
import type { RouteOptions } from '../../lib/index.js'
import { gateway, upstream } from '../kit/index.js'

const cookies = ['a=1; Path=/v2; HttpOnly', 'b=2; path=/v2/x;Secure', 'c=3; Path=/other', 'd=4', 'a=5; Path=/v2']

async function passed (t: Test, route: Partial<RouteOptions>, sent: readonly string[] = cookies): Promise<string | string[] | undefined> {
  const { url } = await upstream(t, (_request, response) => {
    response.setHeader('set-cookie', sent)
    response.end('ok')
  })
  const { request } = await gateway(t, { targets: [url], prefix: '/api', rewritePrefix: '/v2', ...route })
  const { headers, body } = await request('/api')
  await body.dump()
  return headers['set-cookie']
}

t.test('the paths of cookies are the upstream\'s own unless they are to be moved', async t => {
  t.same(await passed(t, {}), cookies)
})

t.test('cookies come one by one and in order, with their paths below the prefix', async t => {
  t.same(await passed(t, { internalRewriteCookiePath: true }), ['a=1; Path=/api; HttpOnly', 'b=2; path=/api/x;Secure', 'c=3; Path=/other', 'd=4', 'a=5; Path=/api'])
  t.same(await passed(t, { internalRewriteCookiePath: true }, ['a=1; Path=/v2']), 'a=1; Path=/api')
  t.same(await passed(t, { internalRewriteCookiePath: true, rewritePrefix: '' }, ['a=1; Path=/']), 'a=1; Path=/api')
})

t.test('an answer without cookies has none', async t => {
  t.equal(await passed(t, { internalRewriteCookiePath: true }, []), undefined)
})

t.test('rewriteHeaders gets the cookies that are sent, and cookies do not hang on redirects', async t => {
  const seen: unknown[] = []
  const route = {
    internalRewriteCookiePath: true,
    internalRewriteLocationHeader: false,
    replyOptions: { rewriteHeaders: (headers: Record<string, unknown>) => { seen.push(headers['set-cookie']); return headers } }
  }
  t.same(await passed(t, route as Partial<RouteOptions>, ['a=1; Path=/v2']), 'a=1; Path=/api')
  t.same(seen, ['a=1; Path=/api'])
})
