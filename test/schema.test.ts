import t from 'tap'
import { check, optionPath, rule } from '../lib/schema.js'

function message (schema: object, value: unknown): string {
  try {
    check(schema, value)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

t.test('what a schema allows passes, more than once', async t => {
  const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false }
  for (let i = 0; i < 3; i++) t.equal(message(schema, { a: i }), '')
  t.equal(message(schema, { a: 0.5 }), 'a: 0.5, must be an integer')
})

t.test('a message has the way to the value, the value and what is allowed', async t => {
  const item = { type: 'object', properties: { weight: { type: 'number', minimum: 0 }, kind: { enum: ['x', 'y'] }, flag: { const: true } }, required: ['weight'], additionalProperties: false }
  const schema = { type: 'object', properties: { list: { type: 'array', minItems: 1, uniqueItems: true, items: item } } }
  t.equal(message(schema, { list: [{ weight: 1 }, { weight: -1 }] }), 'list[1].weight: -1, must be >= 0')
  t.equal(message(schema, { list: [{ weight: 1, kind: 'z' }] }), "list[0].kind: 'z', must be one of 'x', 'y'")
  t.equal(message(schema, { list: [{ weight: 1, flag: 1 }] }), 'list[0].flag: 1, must be true')
  t.equal(message(schema, { list: [{ weight: 1, height: 1 }] }), 'list[0].height: unknown option, allowed are weight, kind, flag')
  t.equal(message(schema, { list: [{}] }), 'list[0].weight: missing, must be given')
  t.equal(message(schema, { list: [] }), 'list: [], must not be empty')
  t.equal(message(schema, { list: [{ weight: 1 }, { weight: 1 }] }), 'list: [ [Object], [Object] ], must not have the same item twice')
})

t.test('types have plain names, and a value that is no object at all has no path', async t => {
  for (const [type, name] of Object.entries({ array: 'a list', boolean: 'true or false', integer: 'an integer', number: 'a finite number', string: 'a text' })) {
    t.equal(message({ type: 'object', properties: { a: { type } } }, { a: null }), `a: null, must be ${name}`)
  }
  t.equal(message({ type: 'object' }, 5), 'options: 5, must be an object')
})

t.test('a rule says what is allowed, and keeps the value to itself when it is told to', async t => {
  const even = (value: unknown): boolean => Number(value) % 2 === 0
  const schema = { type: 'object', properties: { open: rule('an even number', even), secret: rule('an even number', even, true) } }
  t.equal(message(schema, { open: 2, secret: 4 }), '')
  t.equal(message(schema, { open: 3 }), 'open: 3, must be an even number')
  t.equal(message(schema, { secret: 3 }), 'secret: must be an even number')
  const names = { type: 'object', propertyNames: rule('short', value => String(value).length < 3), additionalProperties: {} }
  t.equal(message(names, { a: 1, long: 2 }), 'long: the name must be short')
})

t.test('an option that is refused is not among those that are allowed', async t => {
  const schema = { type: 'object', properties: { a: {}, b: { refused: 'of no use here, must be left out' } }, additionalProperties: false }
  t.equal(message(schema, { b: 1 }), 'b: of no use here, must be left out')
  t.equal(message(schema, { c: 1 }), 'c: unknown option, allowed are a')
})

t.test('options that need each other, or exclude each other, say so', async t => {
  const both = { type: 'object', properties: { cert: {}, key: {} }, dependencies: { cert: ['key'] } }
  t.equal(message(both, { cert: 1 }), 'key: missing, must be given with cert')
  const one = { type: 'object', properties: { a: {}, b: {} }, minProperties: 1, maxProperties: 1 }
  t.equal(message(one, {}), 'options: {}, must have exactly one of a, b')
  t.equal(message(one, { a: 1, b: 1 }), 'options: { a: 1, b: 1 }, must have exactly one of a, b')
})

t.test('a path is written as in JavaScript', async t => {
  t.equal(optionPath('pools', 'users', 'targets', '1', 'weight'), 'pools.users.targets[1].weight')
  t.equal(optionPath('pools', 'a.b', 'x-y'), "pools['a.b'].x-y")
  t.equal(optionPath(), '')
  const schema = { type: 'object', additionalProperties: { type: 'object', properties: { x: { type: 'string' } } } }
  t.equal(message(schema, { 'a/b~c': { x: 1 } }), "['a/b~c'].x: 1, must be a text")
})
