import neostandard from 'neostandard'

const OUTSIDE_OF_CLOCK = 'Time and chance come from lib/clock.ts, so that tests can own both.'

export default [
  ...neostandard({ ts: true, ignores: ['dist/', 'coverage/', '.tap/'] }),
  // A promise that is left alone on purpose says so.
  { rules: { 'no-void': ['error', { allowAsStatement: true }] } },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/clock.ts'],
    rules: {
      'no-restricted-properties': ['error',
        { object: 'Date', property: 'now', message: OUTSIDE_OF_CLOCK },
        { object: 'Math', property: 'random', message: OUTSIDE_OF_CLOCK },
        { object: 'performance', property: 'now', message: OUTSIDE_OF_CLOCK }
      ],
      'no-restricted-globals': ['error',
        { name: 'setTimeout', message: OUTSIDE_OF_CLOCK },
        { name: 'setInterval', message: OUTSIDE_OF_CLOCK }
      ]
    }
  }
]
