import type { Readable } from 'node:stream';
import type { Ledger } from '../judge/ledger.ts';

/** How long a line may be under way: it is buffered, and says when it was written only roughly. */
const DELAY_MS = 3000;
const SERVES = /^gatehouse serves /;

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly code?: string;
  readonly route?: string;
  readonly reason?: string;
}

/** Reads the log of a gateway, and notes each line that tells of a fault which is not part of the soak. */
export function watchLog(
  output: { readonly stdout: Readable; readonly stderr: Readable },
  ledger: Ledger,
  clock: () => number,
): void {
  eachLine(output.stdout, (line) => {
    if (!/"level":"(?:error|fatal)"/.test(line)) return;
    const now = clock();
    const fault = faultIn(line, ledger.isStoreAway(now - DELAY_MS, now));
    if (fault !== undefined) ledger.fault(`log: ${fault}`);
  });
  eachLine(output.stderr, (line) => {
    if (line.trim() !== '' && !SERVES.test(line)) ledger.fault(`standard error: ${line.slice(0, 300)}`);
  });
}

/** What is wrong in a line of level error; `undefined` if the soak itself brought it about. */
export function faultIn(line: string, isStoreAway: boolean): string | undefined {
  const { level, msg = line, code = '', route, reason } = parseLine(line);
  const text = code === '' ? msg : `${msg}, ${code} on ${route}: ${reason}`;
  if (level === 'fatal' || code === 'internal_error') return text;
  if (msg.startsWith('the new configuration is refused')) return undefined;
  if (msg === 'a request could not be handled' || msg === 'a listener of the change feed failed') return text;
  if (msg === 'request failed' && route === 'faults' && code.startsWith('upstream_')) return undefined;
  if (msg === 'request failed' && reason === 'the client stopped reading') return undefined;
  return isStoreAway ? undefined : text;
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: `unreadable: ${line.slice(0, 300)}` };
  }
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
