#!/usr/bin/env node
/** The entry. Nothing that an old Node cannot load is imported before its version is checked. */
const OLDEST = { major: 24, minor: 12 };

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
  process.stderr.write(
    `gatehouse needs Node ${OLDEST.major}.${OLDEST.minor} or newer; this is ${process.version}.\n`,
  );
  process.exit(1);
}
/** Node 24 calls node:sqlite experimental at each start, which nobody who runs a gateway can act on. */
const printers = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') for (const print of printers) print(warning);
});

const [{ readVersion }, { createProgram, runProgram }, { registerLocal }] = await Promise.all([
  import('./base/version.ts'),
  import('./cli/program.ts'),
  import('./cli/local.ts'),
]);
const program = createProgram(readVersion());
registerLocal(program);
const exitCode = await runProgram(program, process.argv.slice(2));
if (exitCode !== 0) process.exitCode = exitCode;
