import { createProgram, runProgram } from '../../src/cli/program.ts';

process.exitCode = await runProgram(createProgram('1.2.3'), process.argv.slice(2));
