import fc from 'fast-check'
import t from 'tap'
import { Chain, Link } from '../lib/chain.js'

class Named extends Link {
  readonly name: string

  constructor (name: string) {
    super()
    this.name = name
  }
}

/** A chain of these, and those in it. */
function chained (names: string): { chain: Chain<Named>, members: Named[] } {
  const chain = new Chain<Named>()
  const members = [...names].map(name => new Named(name))
  for (const member of members) chain.append(member)
  return { chain, members }
}

function at (members: readonly Named[], name: string): Named {
  return members.find(member => member.name === name) as Named
}

/** Who is there, as a text. Throws when it is not the same backwards, or goes round in a circle. */
function shown (chain: Chain<Named>): string {
  let names = ''
  let before: Named | undefined
  for (let member = chain.first; member !== undefined; member = member.after) {
    if (names.includes(member.name)) throw new Error(`${member.name} comes twice`)
    if (member.before !== before) throw new Error(`${member.name} does not know who is before it`)
    names += member.name
    before = member
  }
  if (chain.last !== before) throw new Error(`the last is not ${before?.name}`)
  if (chain.members().map(({ name }) => name).join('') !== names) throw new Error('not everybody is a member')
  return names
}

t.test('there is nobody in a new chain', async t => {
  const chain = new Chain<Named>()
  t.same(chain.members(), [])
  t.equal(chain.first, undefined)
  t.equal(chain.last, undefined)
})

t.test('members are in the order in which they came', async t => {
  t.equal(shown(chained('a').chain), 'a')
  t.equal(shown(chained('abcd').chain), 'abcd')
})

for (const [what, names, leaves, left] of [
  ['the first', 'abc', 'a', 'bc'],
  ['one in the middle', 'abc', 'b', 'ac'],
  ['the last', 'abc', 'c', 'ab'],
  ['the first of two', 'ab', 'a', 'b'],
  ['the last of two', 'ab', 'b', 'a'],
  ['the only one', 'a', 'a', '']
] as const) {
  t.test(`${what} may leave, and come back as the last`, async t => {
    const { chain, members } = chained(names)
    const member = at(members, leaves)
    chain.remove(member)
    t.equal(shown(chain), left)
    chain.remove(member)
    t.equal(shown(chain), left, 'who has left can not leave again')
    chain.append(member)
    t.equal(shown(chain), left + leaves)
  })
}

t.test('who was never there takes nobody along', async t => {
  const { chain } = chained('abc')
  chain.remove(new Named('d'))
  t.equal(shown(chain), 'abc')
  const empty = new Chain<Named>()
  empty.remove(new Named('d'))
  t.equal(shown(empty), '')
})

t.test('who has left one chain may join another', async t => {
  const one = chained('abc')
  const two = chained('x')
  const b = at(one.members, 'b')
  one.chain.remove(b)
  two.chain.append(b)
  one.chain.append(new Named('d'))
  t.equal(shown(one.chain), 'acd')
  t.equal(shown(two.chain), 'xb')
})

t.test('members are a copy: all of them may leave while it is gone through', async t => {
  const { chain, members } = chained('abcd')
  const copy = chain.members()
  copy.pop()
  t.equal(shown(chain), 'abcd')
  for (const member of chain.members()) chain.remove(member)
  t.equal(shown(chain), '')
  t.equal(members.length, 4)
})

// What the chain is there for: somebody old who is still held must not keep everybody who came after alive.
t.test('who has left points to nobody, in whatever order they leave', async t => {
  for (const order of ['abcd', 'dcba', 'bcda', 'cbad', 'acbd']) {
    const { chain, members } = chained('abcd')
    for (const name of order) {
      const member = at(members, name)
      chain.remove(member)
      t.equal(member.before, undefined, `${name} of ${order}`)
      t.equal(member.after, undefined, `${name} of ${order}`)
    }
    t.equal(chain.first, undefined, order)
    t.equal(chain.last, undefined, order)
  }
})

t.test('any comings and goings leave what they leave of a list', async t => {
  const steps = fc.array(fc.nat(7), { maxLength: 60 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(steps, steps => {
      const chain = new Chain<Named>()
      const everybody = [...'abcdefgh'].map(name => new Named(name))
      let list: Named[] = []
      for (const step of steps) {
        const member = everybody[step] as Named
        const isThere = list.includes(member)
        if (isThere) chain.remove(member)
        else chain.append(member)
        list = isThere ? list.filter(other => other !== member) : [...list, member]
        if (shown(chain) !== list.map(({ name }) => name).join('')) return false
        if (everybody.some(other => !list.includes(other) && (other.before !== undefined || other.after !== undefined))) return false
      }
      return true
    }), { seed: 1, numRuns: 1000 })
  })
})
