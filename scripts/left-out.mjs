// The last lines of `npm test`: what it did not do, so that nobody takes it for everything.
console.log('left to `npm run test:services`: tests against a real nginx, and the status page in a real browser')
console.log('left to `npm run test:coverage`: which lines of lib/ the tests have been through')
console.log('left to `npm run chaos` and `npm run soak`: failures at full rate, times, other gateways, a million requests')
console.log('left to `npm run bench:check`: what a request costs next to plain reply-from')
console.log('left to `npm run test:long`: 20,000 fuzzed exchanges each way, two minutes of 200 clients, backpressure of 1 GiB')
