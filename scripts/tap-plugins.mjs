// Builds tap with the plugins that .taprc asks for, unless that has been done since it was installed: seven scripts need it, and it takes
// five seconds each time.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

// Goes with the packages, as what is built does.
const stamp = new URL('../node_modules/.tap-plugins', import.meta.url)
const wanted = readFileSync(new URL('../.taprc', import.meta.url), 'utf8')

function built () {
  try {
    return readFileSync(stamp, 'utf8')
  } catch {
    return undefined
  }
}

if (built() !== wanted) {
  execFileSync('tap', ['build'], { stdio: 'inherit' })
  writeFileSync(stamp, wanted)
}
