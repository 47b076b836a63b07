import { createProgram, runProgram } from '../../src/cli/program.ts';

const exitCode = await runProgram(createProgram('1.2.3'), process.argv.slice(2));
if (exitCode !== 0) process.exitCode = exitCode;
