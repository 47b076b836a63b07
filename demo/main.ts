/**
 * `npm run demo`: a legacy API, an issuer and Gatehouse in front, with lines to paste. `--check` runs the lines itself and
 * ends with exit code 0 only if each did what it should; `--output json` prints that as JSON.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { reportAsJson, reportAsText } from './check/print-report.ts';
import { runCheck } from './check/run-check.ts';
import { chaptersOf } from './lines/chapters.ts';
import { shellTextFor } from './lines/shell-text.ts';
import { buildGatehouse } from './stage/build.ts';
import { openStage } from './stage/stage.ts';
import { guide } from './tour/guide.ts';
import { describeReceived, describeRefusal } from './tour/live-view.ts';

const USAGE = 'Usage: npm run demo [-- --check [--output text|json]]';
const INTERRUPTED = 130;

/** Aborted by Ctrl-C, SIGTERM, a closed terminal, or when nobody reads on (`npm run demo | head`). */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  // They stay in place: a second Ctrl-C must not cut the clean-up short, which ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  process.stdout.on('error', interrupt);
  return controller.signal;
}

async function check(output: 'text' | 'json', interrupted: AbortSignal): Promise<number> {
  const stage = await openStage({ ports: 'any' });
  try {
    const report = await runCheck(stage, interrupted);
    if (interrupted.aborted) return INTERRUPTED;
    process.stdout.write(output === 'json' ? reportAsJson(report) : reportAsText(report));
    return report.isOk ? 0 : 1;
  } finally {
    await stage.close();
  }
}

/** Shows the lines, then what they do, until it is interrupted. */
async function tour(interrupted: AbortSignal): Promise<number> {
  let isGuided = false;
  const show = (text: string | undefined) => {
    if (isGuided && text !== undefined) process.stdout.write(text);
  };
  const stage = await openStage({
    ports: 'usual',
    onReceived: (request) => show(describeReceived(request)),
    onLog: (line) => show(describeRefusal(line)),
  });
  try {
    process.stdout.write(guide(stage, await chaptersOf(stage), await shellTextFor(stage)));
    isGuided = true;
    if (!interrupted.aborted) await Promise.race([once(interrupted, 'abort'), stage.gatehouseExited]);
    if (interrupted.aborted) return 0;
    process.stderr.write('Gatehouse has ended by itself.\n');
    return 1;
  } finally {
    await stage.close();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      output: { type: 'string', default: 'text' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const { output } = values;
  if (output !== 'text' && output !== 'json')
    throw new TypeError(`--output ${output}: expected text or json`);
  const interrupted = interruption();
  buildGatehouse();
  return values.check ? check(output, interrupted) : tour(interrupted);
}

/** 2 = called wrongly. */
function exitCodeOf(error: unknown): number {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (!(error instanceof TypeError)) return 1;
  process.stderr.write(`${USAGE}\n`);
  return 2;
}

process.exitCode = await main().catch(exitCodeOf);
