/** `npm run soak`. Exit code 1 when something is wrong with the gateway, 2 for a wrong command line. */
import { once } from 'node:events';
import { openLab } from '../measure/lab.ts';
import { buildGatehouse } from '../targets/gatehouse-build.ts';
import { soak } from './course.ts';
import { parseSoakOptions, type SoakOptions, USAGE, UsageError } from './options.ts';
import { soakFigures, soakText } from './report.ts';

const began = performance.now();

function progress(line: string): void {
  process.stderr.write(`soak ${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s: ${line}\n`);
}

async function run(options: SoakOptions): Promise<number> {
  // Resolves with the exit code of the shell's convention, 128 + the signal's number.
  const interrupted = Promise.race([
    once(process, 'SIGINT').then(() => 130),
    once(process, 'SIGTERM').then(() => 143),
  ]);
  buildGatehouse();
  const lab = await openLab();
  const finished = soak(lab, options, progress);
  // Interrupted, it fails when the lab closes under it: nobody waits for that.
  finished.catch(() => {});
  try {
    const outcome = await Promise.race([finished, interrupted]);
    if (typeof outcome === 'number') return outcome;
    const figures = soakFigures(outcome);
    process.stdout.write(
      `${options.output === 'json' ? JSON.stringify(figures, null, 2) : soakText(figures)}\n`,
    );
    return figures.failures.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await lab.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseSoakOptions(args);
    if (options === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    if (process.platform !== 'linux')
      throw new UsageError('The soak reads memory and descriptors from /proc: it runs on Linux only.');
    return await run(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

process.exit(await main(process.argv.slice(2)));
