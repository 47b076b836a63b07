import { spawn } from 'node:child_process';
import { createCertificateAuthority } from '../support/certificates.ts';
import { startUsersScene, type UsersScene } from '../support/users-scene.ts';
import { clientSettings, secretOf } from './replica.ts';

/** What a program did, by the name of each thing; what it threw is under `failure`. */
export type Findings = Readonly<Record<string, unknown>>;

/** A gateway over TLS for OAuth clients that are programs of other languages. */
export interface ProgramScene extends UsersScene {
  /**
   * Runs a program and reads the JSON that it prints. Its input is JSON too: `port`, `ca` (a file) and `secrets` of the clients
   * that have one. Fails on any exit but 0, and after 30 seconds.
   */
  run(program: string, args: readonly string[]): Promise<Findings>;
}

const RUN_MILLISECONDS = 30_000;

export async function startProgramScene(): Promise<ProgramScene> {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue('gateway', ['DNS:localhost', 'DNS:gw.test', 'DNS:acme.gw.test']);
  const scene = await startUsersScene(
    {
      clients: clientSettings(),
      listen: {
        public: { address: '127.0.0.1:0', tls: { cert: 'tls.pem', key: 'tls.key' } },
        admin: '127.0.0.1:0',
        ops: '127.0.0.1:0',
      },
    },
    { files: { 'tls.pem': cert, 'tls.key': key } },
  ).catch((error: unknown) => {
    authority.remove();
    throw error;
  });
  const confidential = Object.entries(clientSettings()).filter(
    ([, { public: isPublic }]) => isPublic !== true,
  );
  const secrets = Object.fromEntries(confidential.map(([id]) => [id, secretOf(id)]));
  const input = JSON.stringify({ port: scene.gateway.port, ca: authority.caPath, secrets });
  return {
    ...scene,
    run: (program, args) => readFindings(program, args, input),
    async stop() {
      await scene.stop();
      authority.remove();
    },
  };
}

async function readFindings(program: string, args: readonly string[], input: string): Promise<Findings> {
  const child = spawn(program, args, { timeout: RUN_MILLISECONDS, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'ended'));
  });
  let said = '';
  let complaint = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
  child.stdin.end(input);
  const code = await ended;
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaint.slice(-2_000)}`);
  return JSON.parse(said) as Findings;
}
