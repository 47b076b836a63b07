import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The attacked program: a process of its own, as operators run it. */
export interface Program {
  readonly pid: number;
  readonly ports: Ports;
  /** Everything that it wrote, standard output and error, Latin-1; forgotten when asked. */
  takeOutput(): string;
  hasEnded(): boolean;
  /** Open descriptors; `undefined` where the system does not say. */
  descriptors(): number | undefined;
  /** Bytes of memory that are its own; `undefined` where the system does not say. */
  memory(): number | undefined;
  stop(): Promise<number | null>;
}

export interface Ports {
  readonly public: number;
  readonly admin: number;
  readonly ops: number;
  readonly check: number;
}

const READY_MS = 60_000;

/** Resolves when it serves; rejects with what it said if it does not. `entry`: JavaScript or TypeScript of `gatehouse`. */
export async function startProgram(
  entry: string,
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<Program> {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', entry, 'serve', '--config', file],
    { cwd: folder, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output: string[] = [];
  let hasEnded = false;
  child.once('exit', () => {
    hasEnded = true;
  });
  child.stdout.setEncoding('latin1').on('data', (text: string) => output.push(text));
  const ports = await readPorts(child, (text) => output.push(text)).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`the gateway does not start: ${output.join('')}`, { cause: error });
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    ports,
    takeOutput() {
      const text = output.join('');
      output = [];
      return text;
    },
    hasEnded: () => hasEnded,
    descriptors: () => ofProcess(() => readdirSync(`/proc/${pid}/fd`).length),
    memory: () =>
      ofProcess(
        () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024,
      ),
    async stop() {
      if (hasEnded) return child.exitCode;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const [code] = (await exited) as [number | null];
      clearTimeout(killer);
      return code;
    },
  };
}

function readPorts(child: ChildProcess, keep: (text: string) => void): Promise<Ports> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it took too long')), READY_MS);
    let said = '';
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('it ended'));
    });
    child.stderr?.setEncoding('latin1').on('data', (text: string) => {
      keep(text);
      said += text;
      const portOf = (name: string) => Number(new RegExp(`${name} :(\\d+)`).exec(said)?.[1] ?? 0);
      if (portOf('ops') === 0) return;
      clearTimeout(timer);
      resolve({
        public: portOf('public'),
        admin: portOf('admin'),
        ops: portOf('ops'),
        check: portOf('forward-auth'),
      });
    });
  });
}

function ofProcess<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
