import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigObject } from './gateway.ts';
import { until } from './redis.ts';

/** `gatehouse serve`, as operators run it: a process of its own, and whatever it starts. */
export interface ServedProgram {
  readonly pid: number;
  readonly publicPort: number;
  readonly adminPort: number;
  readonly folder: string;
  readonly stderr: () => string;
  /** Lines of the log so far. */
  readonly log: () => readonly LogLine[];
  /** Resolves with the exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  write(config: ConfigObject | string): void;
  /** Administration, in JSON. */
  admin(method: string, target: string, body?: unknown): Promise<unknown>;
  /** What the ops listener answers. */
  ops(target: string): Promise<string>;
  /** To the program and to all that it started, as a terminal does. */
  signalAll(signal: NodeJS.Signals): void;
  /** SIGKILL to all, and its files removed. */
  remove(): Promise<void>;
}

export interface LogLine {
  readonly pid: number;
  readonly msg: string;
  readonly [member: string]: unknown;
}

export const ADMIN_TOKEN = 'a-token-for-administration-of-tests';
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Where the program runs, if not beside the test. */
export interface ServedPlace {
  /** What the command line begins with, as in `ip netns exec NAME`. */
  readonly launcher: readonly string[];
  /** Where the test reaches its listeners. */
  readonly host: string;
}

const HERE: ServedPlace = { launcher: [], host: '127.0.0.1' };

/** Resolves when it serves, or has ended. */
export async function serveProgram(
  config: ConfigObject,
  { launcher, host }: ServedPlace = HERE,
): Promise<ServedProgram> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-served-'));
  const file = path.join(folder, 'gatehouse.yaml');
  const write = (next: ConfigObject | string) =>
    writeFileSync(file, typeof next === 'string' ? next : JSON.stringify(next));
  write(config);
  const [command, ...args] = [...launcher, process.execPath, MAIN, 'serve'];
  const child = spawn(command, [...args, '--config', file], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, that a test can send signals to.
    detached: true,
  });
  const group = child.pid ?? 0;
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let hasExited = false;
  const exited = once(child, 'exit').then(([code]: (number | null)[]) => {
    hasExited = true;
    return code ?? null;
  });
  await until('the program serves or ends', () => hasExited || stderr.includes(' ops :'), 60_000);
  const portOf = (name: string) => Number(new RegExp(`${name} :(\\d+)`).exec(stderr)?.[1] ?? 0);
  const [publicPort, adminPort, opsPort] = [portOf('public'), portOf('admin'), portOf('ops')];

  return {
    pid: group,
    publicPort,
    adminPort,
    folder,
    stderr: () => stderr,
    log: () =>
      stdout
        .slice(0, stdout.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogLine),
    exited,
    write,
    async admin(method, target, body) {
      const response = await fetch(`http://${host}:${adminPort}${target}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return response.status === 204 ? undefined : await response.json();
    },
    ops: async (target) => (await fetch(`http://${host}:${opsPort}${target}`)).text(),
    signalAll: (signal) => process.kill(-group, signal),
    async remove() {
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        // All of them have ended.
      }
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface HttpAsk {
  readonly port?: number;
  readonly socketPath?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: a connection for this request alone. */
  readonly agent?: Agent;
}

export const NO_ANSWER = 'no answer in 10 s';

/** Status of the answer, when it is complete; rejects if there is none in 10 s. */
export function askHttp({ agent, ...options }: HttpAsk): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', ...options, agent: agent ?? false, timeout: 10_000 },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
        answer.once('error', reject);
      },
    );
    asked.once('timeout', () => asked.destroy(new Error(NO_ANSWER)));
    asked.once('error', reject);
    asked.end();
  });
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
