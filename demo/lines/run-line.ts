/** Runs a line as a person would: the very text, in a shell. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Answer } from './demo-line.ts';
import { DIGEST_COMMAND, quote } from './paste.ts';

/** A line that ran, whatever came of it. */
export interface Ran {
  readonly exitCode: number | null;
  readonly answer: Answer | undefined;
  readonly output: readonly { readonly atMs: number; readonly bytes: Buffer }[];
  readonly endedAtMs: number;
}

const LONGEST_MS = 20_000;

/** No proxy of the surroundings comes between curl and the gateway. */
function withoutProxies(): NodeJS.ProcessEnv {
  return { ...process.env, http_proxy: '', HTTP_PROXY: '', all_proxy: '', ALL_PROXY: '' };
}

/** What the lines need and this machine lacks. */
export function missingPrograms(): readonly string[] {
  const [digest = ''] = DIGEST_COMMAND.split(' ');
  return ['sh', 'curl', digest].filter((program) => spawnSync(program, ['--version']).error !== undefined);
}

/** True if curl finds `*.localhost` on the loopback by itself. */
export async function curlResolvesLocalhostNames(url: string): Promise<boolean> {
  const { exitCode } = await runInShell(`curl -sf -m 5 -o /dev/null ${quote(url)}`, '');
  return exitCode === 0;
}

/** `prelude` comes before the line in the same shell. */
export async function runInShell(line: string, prelude: string): Promise<Ran> {
  return runProgram('sh', ['-c', `${prelude}\n${line}`]);
}

/** Ends it, and whatever it started, when it takes too long. */
export async function runProgram(program: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, {
    env: withoutProxies(),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own.
    detached: true,
  });
  const output: { atMs: number; bytes: Buffer }[] = [];
  const keep = (bytes: Buffer) => void output.push({ atMs: performance.now(), bytes });
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, LONGEST_MS);
  await once(child, 'close');
  clearTimeout(timer);
  return {
    exitCode: child.exitCode,
    answer: readAnswer(Buffer.concat(output.map(({ bytes }) => bytes))),
    output,
    endedAtMs: performance.now(),
  };
}

/** What `curl -i` printed: the last head, and the body after it. Interim answers (1xx) come first. */
export function readAnswer(printed: Buffer): Answer | undefined {
  const end = printed.indexOf('\r\n\r\n');
  if (end === -1 || !printed.toString('latin1', 0, 5).startsWith('HTTP/')) return undefined;
  const [statusLine = '', ...lines] = printed.toString('latin1', 0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const body = printed.subarray(end + 4);
  if (status >= 100 && status < 200) return readAnswer(body);
  const fields = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status, fields, body };
}
