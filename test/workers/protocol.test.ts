import t from 'tap'
import { messageFromWorker, messageToWorker, type FromWorker, type ToWorker } from '../../lib/workers/protocol.js'

t.test('messages of others are none of ours', async t => {
  for (const other of [undefined, null, 'start', 5, [], {}, { cmd: 'NODE_CLUSTER' }, { balancer: 5 }, { balancer: 'toString' }, { balancer: 'unheard of' }]) {
    t.equal(messageToWorker(other), undefined)
    t.equal(messageFromWorker(other), undefined)
  }
})

t.test('every message passes as it is', async t => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ url: `http://10.0.0.1:${i}`, weight: 2, draining: 'terminating' }))
  const toWorker: ToWorker[] = [
    { balancer: 'start', id: 1, count: 2, stopTimeout: 15_000, configuration: { any: 'thing' }, knowledge: [['users', { verdicts: [['http://a', 'up'], ['http://b', { down: 'x' }]], targets: undefined }], ['orders', { verdicts: [], targets: many }]] },
    { balancer: 'verdicts', pool: 'users', verdicts: [['http://a', 'draining'], ['http://b', null], ['http://c', { down: '' }]] },
    { balancer: 'targets', pool: 'users', targets: [...many, 'http://a'] },
    { balancer: 'forget', pool: 'users' },
    { balancer: 'reload', request: 0, configuration: undefined },
    { balancer: 'collect', request: 7, name: 'pools' },
    { balancer: 'stop' }
  ]
  const fromWorker: FromWorker[] = [
    { balancer: 'hello' }, { balancer: 'ready' }, { balancer: 'failed', reason: 'x' }, { balancer: 'answer', request: 1, value: undefined }, { balancer: 'refusal', request: 1, reason: 'x' }
  ]
  for (const message of toWorker) t.equal(messageToWorker(message), message, message.balancer)
  for (const message of fromWorker) t.equal(messageFromWorker(message), message, message.balancer)
})

t.test('one of ours that is not as it must be says what is wrong with it', async t => {
  const wrong: Array<[object, RegExp]> = [
    [{ balancer: 'verdicts', pool: 'users', verdicts: [['http://a', 'well']] }, /verdicts\[0\]\[1\]: 'well', must be 'up', 'draining', { down: reason } or null/],
    [{ balancer: 'verdicts', pool: 'users', verdicts: [['http://a']] }, /verdicts\[0\]/],
    [{ balancer: 'targets', pool: 'users', targets: [{}] }, /targets\[0\]: .*must be a URL/],
    [{ balancer: 'collect', name: 'pools' }, /request: missing/],
    [{ balancer: 'stop', now: true }, /now: unknown option/]
  ]
  for (const [message, error] of wrong) t.throws(() => messageToWorker(message), error)
  t.throws(() => messageFromWorker({ balancer: 'failed', reason: '' }), /reason: '', must not be empty/)
})
