/** Gatehouse as a process of its own, as an operator runs it, and its command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { ENTRY } from './build.ts';

export interface GatehouseProcess {
  /** Ends when the process ends, for whatever reason. */
  readonly exited: Promise<void>;
  /** SIGTERM, and SIGKILL to that process alone after some seconds. */
  readonly stop: () => Promise<void>;
}

export interface ServeOptions {
  /** The working directory: `./data` is made there, and `gatehouse.log` written. */
  readonly folder: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** Called with each line of the log. */
  readonly onLog: (line: string) => void;
}

const KILL_AFTER_MS = 8000;

/** `gatehouse serve`, resolved once it serves. Throws with what it wrote to stderr when it does not start. */
export async function serveGatehouse({ folder, file, env, onLog }: ServeOptions): Promise<GatehouseProcess> {
  const child = spawn(process.execPath, [ENTRY, 'serve', '-c', file], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(() => undefined);
  const log = createWriteStream(path.join(folder, 'gatehouse.log'));
  createInterface(child.stdout).on('line', (line) => {
    log.write(`${line}\n`);
    onLog(line);
  });
  child.once('close', () => log.end());
  let said = '';
  const serves = new Promise<void>((resolve) => {
    createInterface(child.stderr).on('line', (line) => {
      said += `${line}\n`;
      if (line.startsWith('gatehouse serves ')) resolve();
    });
  });
  await Promise.race([serves, exited]);
  if (child.exitCode !== null) throw new Error(`Gatehouse did not start:\n${said}`);

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(timer);
  }

  return { exited, stop };
}

/** The arguments before any command that talks to this gateway's administration. */
export function adminArguments(folder: string, adminPort: number): readonly string[] {
  return [
    ENTRY,
    '--admin',
    `http://127.0.0.1:${adminPort}`,
    '--admin-token-file',
    path.join(folder, 'data', 'admin-token'),
  ];
}

/** Runs one command of the command line and gives its JSON. Throws with what it said when it fails. */
export async function askGatehouse(
  admin: readonly string[],
  command: readonly string[],
  input = '',
): Promise<object> {
  const child = spawn(process.execPath, [...admin, '--output', 'json', ...command]);
  child.stdin.end(input);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`gatehouse ${command.join(' ')}: ${errors.trim()}`);
  return JSON.parse(output) as object;
}
