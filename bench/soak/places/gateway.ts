import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Lab } from '../../measure/lab.ts';
import type { ManagedProcess } from '../../process/supervisor.ts';
import { GATEHOUSE_ENTRY } from '../../targets/gatehouse-build.ts';
import type { Ledger } from '../judge/ledger.ts';
import { makeCertificate } from './certificate.ts';
import { brokenConfigText, configText, type GatewayPlace } from './gateway-config.ts';
import { watchLog } from './log-watch.ts';

/** `gatehouse serve` as it is shipped, watched. */
export interface SoakedGateway {
  readonly adminToken: string;
  /** Of 127.0.0.1, of its own choice. */
  readonly ports: { readonly public: number; readonly admin: number; readonly ops: number };
  readonly process: ManagedProcess;
  /** PEM, for clients that trust it. */
  readonly ca: string | undefined;
  /** Writes the configuration of a generation, or one that is wrong, and sends SIGHUP. */
  reload(generation: number, kind: 'good' | 'broken'): Promise<void>;
  /** By the whole series. Rejects when they cannot be read. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  clean(): Promise<void>;
}

const READY_WITHIN_MS = 30_000;
const PORTS = /public :(\d+), admin :(\d+), ops :(\d+)/;

export async function startSoakedGateway(
  lab: Lab,
  ledger: Ledger,
  clock: () => number,
  options: Omit<GatewayPlace, 'tls'> & { readonly isTls: boolean },
): Promise<SoakedGateway> {
  const { isTls, ...rest } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-soak-'));
  const place: GatewayPlace = isTls ? { ...rest, tls: makeCertificate(folder) } : rest;
  const file = path.join(folder, 'gatehouse.yaml');
  await writeFile(file, configText(place, 0));
  const process = lab.start({
    command: globalThis.process.execPath,
    args: [GATEHOUSE_ENTRY, 'serve', '--config', file],
    core: lab.cores.proxy,
    stdout: 'pipe',
  });
  const { stdout, stderr } = process.child;
  if (stdout === null || stderr === null) throw new Error('a gateway without outputs');
  watchLog({ stdout, stderr }, ledger, clock);
  const ports = await portsOf(process);
  return {
    adminToken: place.adminToken,
    ports,
    process,
    ca: place.tls === undefined ? undefined : await readFile(place.tls.cert, 'utf8'),
    async reload(generation, kind) {
      await writeFile(
        file,
        kind === 'good' ? configText(place, generation) : brokenConfigText(place, generation),
      );
      process.child.kill('SIGHUP');
    },
    metrics: async () => parseMetrics(await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text()),
    clean: () => rm(folder, { recursive: true, force: true }),
  };
}

/** As it says on standard error, once it serves. */
async function portsOf(process: ManagedProcess): Promise<SoakedGateway['ports']> {
  const { promise, resolve, reject } = Promise.withResolvers<SoakedGateway['ports']>();
  let text = '';
  const read = (piece: string): void => {
    text += piece;
    const found = PORTS.exec(text);
    if (found !== null) resolve({ public: Number(found[1]), admin: Number(found[2]), ops: Number(found[3]) });
  };
  process.child.stderr?.on('data', read);
  process.child.once('close', () => reject(new Error(`the gateway ended: ${text}`)));
  const late = setTimeout(
    () => reject(new Error('the gateway does not say that it serves')),
    READY_WITHIN_MS,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    process.child.stderr?.off('data', read);
  }
}

/** By the whole series, labels included: `gatehouse_decisions_total{code="admitted"}`. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const series = text.matchAll(/^([a-z0-9_]+(?:\{[^\n]*\})?) (\S+)$/gm);
  return new Map([...series].map(([, name = '', value = '']) => [name, Number(value)]));
}
