import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  /** Processes of the gateway that takes the load. */
  readonly workers: number;
  readonly output: 'table' | 'json';
}

export const USAGE = `Usage: npm run soak [-- options]

  --minutes N       how long, such as 20 (default) or 0.5
  --workers N       worker processes of the gateway under load (default 1)
  --output FORMAT   table (default) or json
  --help

Half of the load that a gateway can take on this machine, with everything that goes wrong in twenty minutes: reloads, revocations, a Redis that
is killed and comes back, upstreams that fail, clients that are slow or leave. Needs redis-server and openssl; Linux only.
Exit code 1 when memory or descriptors grow, when an answer has no explanation, or when a revoked credential passes.
`;

/** A command line that cannot be carried out. The message says why, for people. */
export class UsageError extends Error {}

const MOST_MINUTES = 7 * 24 * 60;
const MOST_WORKERS = 64;

/** `'help'` when that was asked for. Throws UsageError. */
export function parseSoakOptions(args: readonly string[]): SoakOptions | 'help' {
  const { values } = parse(args);
  if (values.help) return 'help';
  const { output } = values;
  if (output !== 'table' && output !== 'json')
    throw new UsageError(`--output: found ${output}, expected table or json`);
  const minutes = /^\d{1,5}(?:\.\d{1,3})?$/.test(values.minutes) ? Number(values.minutes) : 0;
  if (minutes <= 0 || minutes > MOST_MINUTES)
    throw new UsageError(`--minutes: found ${values.minutes}, expected a number above 0, a week at most`);
  const workers = /^\d{1,2}$/.test(values.workers) ? Number(values.workers) : 0;
  if (workers < 1 || workers > MOST_WORKERS)
    throw new UsageError(`--workers: found ${values.workers}, expected 1 to ${MOST_WORKERS}`);
  return { minutes, workers, output };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '20' },
        workers: { type: 'string', default: '1' },
        output: { type: 'string', default: 'table' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'unreadable command line');
  }
}
