// The start and the end of the action: GitHub runs this file for both. Everything else is in the shell script beside it.
const { spawnSync } = require('node:child_process')
const { appendFileSync } = require('node:fs')
const path = require('node:path')

const begun = process.env.STATE_begun === 'yes'
if (!begun) {
  appendFileSync(process.env.GITHUB_STATE, 'begun=yes\n')
}
const variables = Object.entries(process.env)
  .filter(([name]) => name.startsWith('INPUT_') || ['GITHUB_OUTPUT', 'RUNNER_TEMP', 'JAVA_HOME', 'PATH'].includes(name))
  .map(([name, value]) => `${name.replaceAll('-', '_')}=${value}`)
const script = path.join(__dirname, 'zoned-disk')
const result = spawnSync('sudo', ['env', ...variables, 'bash', script, begun ? 'remove' : 'attach'], { stdio: 'inherit' })
process.exitCode = result.status ?? 1
