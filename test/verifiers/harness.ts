import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/packages.ts';

export const LANGUAGES = ['node', 'python', 'go', 'java', 'php'] as const;
export type Language = (typeof LANGUAGES)[number];

/** A request as an application got it. Times are seconds since the epoch. */
export interface Call {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** `null`: the application does not hand it to the verifier. */
  readonly body: string | null;
  readonly now: number;
  /** Python: the kind of server that hands the request over. */
  readonly through?: 'wsgi' | 'asgi';
}

export type Verdict =
  | { readonly ok: true; readonly identity: unknown }
  | { readonly ok: false; readonly code: string; readonly cause: string };

export interface VerifierOptions {
  readonly jwksUrl?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly algorithms?: readonly string[];
  readonly keys?: Readonly<Record<string, string>>;
  readonly fields?: readonly string[];
  /** Keep the nonces. */
  readonly nonces?: boolean;
}

/** A process in its language with verifiers in it, each under a name. */
export interface Harness {
  open(name: string, kind: 'assertion' | 'signature', options: VerifierOptions): Promise<void>;
  verify(name: string, call: Call): Promise<Verdict>;
  stop(): void;
}

const root = path.resolve(import.meta.dirname, '../..');
export const verifierOf = (language: Language, file: string) =>
  path.join(root, 'deploy/verifiers', language, file);
const sourceOf = (language: Language, file: string) => path.join(import.meta.dirname, language, file);

const PROGRAMS: Readonly<Record<Language, readonly string[]>> = {
  node: [],
  python: ['python3'],
  go: ['go'],
  java: ['javac', 'java'],
  php: ['php'],
};

/** Why a language is left out; `undefined` if it is not. */
export function missingFor(language: Language): string | undefined {
  const missing = PROGRAMS[language].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) return `${missing.join(', ')} is not installed`;
  if (language !== 'python') return undefined;
  const imported = spawnSync('python3', ['-c', 'import cryptography'], { timeout: 20_000 });
  return imported.status === 0 ? undefined : 'the Python package cryptography is not installed';
}

/** Compiles what has to be, and starts it. */
export async function startHarness(language: Language): Promise<Harness> {
  const folder = mkdtempSync(path.join(tmpdir(), `gatehouse-verifier-${language}-`));
  try {
    const [program = '', ...args] = await prepare(language, folder);
    return converse(
      spawn(program, args, { cwd: folder, env: { ...process.env, ...GO_ENVIRONMENT } }),
      language,
      folder,
    );
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
}

/** Nothing is downloaded: the standard library is all there is to it. */
export const GO_ENVIRONMENT = {
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=mod',
  GOPROXY: 'off',
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
};

/** The command that runs it. */
async function prepare(language: Language, folder: string): Promise<readonly string[]> {
  const run = (program: string, args: readonly string[]) =>
    promisify(execFile)(program, args, {
      cwd: folder,
      timeout: 150_000,
      env: { ...process.env, ...GO_ENVIRONMENT },
    });
  switch (language) {
    case 'node':
      return [process.execPath, sourceOf(language, 'main.cjs')];
    case 'python':
      return ['python3', sourceOf(language, 'main.py'), verifierOf(language, '')];
    case 'go':
      mkdirSync(path.join(folder, 'gatehouse'));
      copyFileSync(verifierOf(language, 'gatehouse.go'), path.join(folder, 'gatehouse/gatehouse.go'));
      copyFileSync(sourceOf(language, 'main.go'), path.join(folder, 'main.go'));
      writeFileSync(path.join(folder, 'go.mod'), 'module harness\n\ngo 1.21\n');
      await run('go', ['build', '-o', 'harness', '.']);
      return [path.join(folder, 'harness')];
    case 'java':
      await run('javac', [
        '-Werror',
        '-Xlint:all',
        '-d',
        folder,
        verifierOf(language, 'GatehouseVerifier.java'),
        sourceOf(language, 'Main.java'),
      ]);
      return ['java', '-XX:TieredStopAtLevel=1', '-cp', folder, 'Main'];
    case 'php':
      return ['php', sourceOf(language, 'main.php'), verifierOf(language, 'GatehouseVerifier.php'), folder];
  }
}

function converse(child: ChildProcessWithoutNullStreams, language: Language, folder: string): Harness {
  const waiting: { readonly resolve: (answer: unknown) => void; readonly reject: (cause: Error) => void }[] =
    [];
  let complaints = '';
  child.stderr.on('data', (bytes) => {
    complaints += String(bytes);
  });
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    waiting.shift()?.resolve(JSON.parse(line));
  });
  let ending: Error | undefined;
  child.on('close', (status) => {
    ending = new Error(`the ${language} harness ended with ${status}: ${complaints.slice(0, 2000)}`);
    for (const { reject } of waiting.splice(0)) reject(ending);
  });
  const ask = (command: object) =>
    new Promise<unknown>((resolve, reject) => {
      if (ending !== undefined) {
        reject(ending);
        return;
      }
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(command)}\n`);
    });
  return {
    async open(name, kind, options) {
      await ask({ do: 'open', name, kind, options });
    },
    verify: async (name, call) => (await ask({ do: 'verify', name, ...call })) as Verdict,
    stop() {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
