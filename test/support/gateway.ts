import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import type { AuditRecordView } from '../../src/admin/views.ts';
import { type Gateway, startGateway } from '../../src/serve/gateway.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { eventually } from './authentication.ts';
import { exchangeRaw, type RawAnswer } from './raw-client.ts';

/** A member of a configuration, as YAML would have it. */
export type ConfigObject = Readonly<Record<string, unknown>>;

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly folder: string;
  readonly configFile: string;
  /** Sends bytes on a connection of their own and reads one answer. */
  raw(request: string | Buffer): Promise<RawAnswer>;
  /** Asks the administration API; fails on any status but 2xx. */
  admin<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
  /** A new key of a tenant: the whole key, and its id. */
  issueKey(tenant: string, details?: ConfigObject): Promise<{ readonly id: string; readonly key: string }>;
  /** The audit record of an answer, by the decision id that the answer names. */
  auditOf(answer: RawAnswer): Promise<AuditRecordView>;
  /** Newest audit record that satisfies `predicate`; waits for it. */
  audited(predicate: (record: AuditRecordView) => boolean): Promise<AuditRecordView>;
  /** All of the log so far (level trace). */
  log(): string;
  metrics(): Promise<string>;
  /** Replaces the configuration file; the gateway notices by itself, or is told by `gateway.reload()`. */
  writeConfig(config: ConfigObject): void;
  stop(): Promise<void>;
}

export interface TestGatewayOptions {
  /** Default: `:memory:`. Relative names are in the folder of the gateway. */
  readonly store?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Further files in the gateway's folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. Default: that of the system. */
  readonly clock?: () => number;
}

export const ADMIN_TOKEN = 'gho_test-token-that-is-long-enough-0123456789';

/**
 * A whole gateway on free ports, as `serve` would start it: configuration file, listeners, store and log are real.
 * `config` is what the test is about; listeners, the admin token and the log are added.
 */
export async function startTestGateway(
  config: ConfigObject,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-'));
  const configFile = path.join(folder, 'gatehouse.yaml');
  const logFile = path.join(folder, 'gatehouse.log');
  for (const [name, text] of Object.entries(options.files ?? {}))
    writeFileSync(path.join(folder, name), text);
  const writeConfig = (next: ConfigObject) =>
    writeFileSync(configFile, stringify(completeConfig(next, options, folder)));
  writeConfig(config);
  let flush: (() => void) | undefined;
  const gateway = await startGateway({
    file: configFile,
    env: { ...options.env },
    ...(options.clock !== undefined && { clock: options.clock }),
    openLog(level) {
      const output = createLog({ level, destination: logFile });
      flush = () => output.flush();
      return output;
    },
  });

  async function admin<T>(method: string, target: string, body?: unknown): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}${target}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async function audited(predicate: (record: AuditRecordView) => boolean): Promise<AuditRecordView> {
    let found: AuditRecordView | undefined;
    await eventually(async () => {
      const { records } = await admin<{ records: AuditRecordView[] }>('GET', '/v1/audit?limit=500');
      found = records.findLast(predicate);
      return found !== undefined;
    }, 'the audit record');
    if (found === undefined) throw new Error('no such audit record');
    return found;
  }

  return {
    gateway,
    port: gateway.publicPort,
    folder,
    configFile,
    raw: (request) => exchangeRaw(gateway.publicPort, request),
    admin,
    async issueKey(tenant, details = {}) {
      const { key, id } = readIssued(await admin('POST', '/v1/keys', { tenant, name: 'test', ...details }));
      return { key, id };
    },
    auditOf: (answer) => audited((record) => record.decisionId === answer.field('gatehouse-decision-id')),
    audited,
    log() {
      flush?.();
      return readFileSync(logFile, 'utf8');
    },
    async metrics() {
      return (await fetch(`http://127.0.0.1:${gateway.opsPort}/metrics`)).text();
    },
    writeConfig,
    async stop() {
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The issued key and its id, wherever the answer has them. */
function readIssued(answer: unknown): { readonly id: string; readonly key: string } {
  const text = JSON.stringify(answer);
  const key = /ghk_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}/.exec(text)?.[0];
  if (key === undefined) throw new Error('no key was issued');
  return { key, id: key.slice(4, 12) };
}

function completeConfig(config: ConfigObject, options: TestGatewayOptions, folder: string): ConfigObject {
  const store = options.store ?? ':memory:';
  return {
    listen: { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' },
    publicUrl: 'https://gw.test',
    store: { embedded: { path: store === ':memory:' ? store : path.join(folder, store) } },
    admin: { tokens: [{ name: 'test', token: ADMIN_TOKEN, role: 'admin' }] },
    logging: { level: 'trace', requests: 'all' },
    audit: { requests: 'all' },
    shutdown: { drain: '2s' },
    ...config,
    // Test and gateway are one process: what the test does is no overload of the gateway.
    limits: { queueDelay: '10s', ...(config['limits'] as ConfigObject | undefined) },
  };
}
