// The start and the end of the action: GitHub runs this file for both. Everything else is in the shell script next to it.
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
const command = ['env', ...variables, 'bash', script, begun ? 'remove' : 'attach']
if (process.getuid() !== 0) {
  command.unshift('sudo')
}
const result = spawnSync(command[0], command.slice(1), { stdio: 'inherit' })
if (result.error) {
  console.error(`zoned-disk: ${result.error.message}: run the job as root, or with sudo`)
}
process.exitCode = result.status ?? 1
