import { parseArgs } from 'node:util';

/** What `npm run fuzz` is to do. */
export interface FuzzOptions {
  /** It ends at whichever comes first. */
  readonly seconds: number;
  readonly cases: number;
  readonly seed: number;
  /** A file with cases to be played again, in place of new ones. */
  readonly replay: string | undefined;
  /** What is run as the gateway; absent: what is built from this source. */
  readonly entry: string | undefined;
}

export const USAGE = `Usage: npm run fuzz [-- options]

  --seconds N    how long (default 60)
  --cases N      at most so many connections (default: no limit)
  --seed S       a whole number; the same seed makes the same cases (default: a new one, printed)
  --replay FILE  play the cases of a file that a failed run left, and no others
  --entry FILE   attack this build of gatehouse (default: dist/main.js, built anew when it is stale)
  --help
`;

/** A command line that cannot be carried out. The message says why, for people. */
export class UsageError extends Error {}

/** Options of a command line; `undefined` asks for help. Throws `UsageError`. `newSeed`: taken when none is given. */
export function parseOptions(args: readonly string[], newSeed: number): FuzzOptions | undefined {
  const { values } = readArgs(args);
  if (values.help === true) return undefined;
  return {
    seconds: numberOf('--seconds', values.seconds) ?? 60,
    cases: numberOf('--cases', values.cases) ?? Number.POSITIVE_INFINITY,
    seed: numberOf('--seed', values.seed) ?? newSeed,
    replay: values.replay,
    entry: values.entry,
  };
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string' },
        cases: { type: 'string' },
        seed: { type: 'string' },
        replay: { type: 'string' },
        entry: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`${option}: found ${text}, expected a whole number`);
  return Number(text);
}
