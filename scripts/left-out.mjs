// The last line of `npm test`: what it did not do, so that nobody takes it for everything.
console.log('left to `npm run test:services`: tests against a real nginx')
