import { createSecretKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import type { AdminContext, ReloadReport } from '../../src/admin/admin-context.ts';
import { createAdminListener } from '../../src/admin/admin-listener.ts';
import { createAdminTokens } from '../../src/admin/admin-tokens.ts';
import type { ApiKey } from '../../src/api-keys/api-key.ts';
import { createKeyService } from '../../src/api-keys/key-service.ts';
import type { StoredAuditRecord } from '../../src/audit/audit-store.ts';
import { createAuditStream } from '../../src/audit/audit-stream.ts';
import { Secret } from '../../src/base/secret.ts';
import type { Client } from '../../src/clients/client.ts';
import { createClientService } from '../../src/clients/client-service.ts';
import { createSessionAdministration } from '../../src/sessions/session-administration.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';
import type { Tenant } from '../../src/tenants/tenant.ts';
import { createTenantService } from '../../src/tenants/tenant-service.ts';

export const ADMIN_TOKEN = 'gho_administratorsOwnSecret0123456789abcdefghij';
export const OPERATOR_TOKEN = 'gho_operatorsOwnSecret0123456789abcdefghijklm';
export const VIEWER_TOKEN = 'gho_viewersOwnSecret0123456789abcdefghijklmnop';
export const PEPPER = 'pepper-of-the-imported-keys';

const ENCRYPTION_KEYS = [
  { id: 'k2027', state: 'sealing', sealed: 3 },
  { id: 'k2026', state: 'opening', sealed: 0 },
] as const;

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface AdminCall {
  readonly body?: unknown;
  /** `null`: no Authorization at all. */
  readonly token?: string | null;
  readonly fields?: Readonly<Record<string, string>>;
}

export interface RunningAdmin {
  readonly url: string;
  readonly stores: Stores;
  /** Advances the clock of all that was started. */
  readonly travel: (milliseconds: number) => void;
  readonly now: () => number;
  readonly call: (method: string, target: string, options?: AdminCall) => Promise<AdminAnswer>;
  /** Audit records of one code, once there are `count` of them. */
  readonly audited: (code: string, count: number) => Promise<readonly StoredAuditRecord[]>;
  /** Method and path of every route, but for HEAD. */
  readonly routes: () => readonly string[];
  /** All that was logged so far. */
  readonly logged: () => string;
  readonly metrics: () => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface RunningAdminOptions {
  readonly configuredTenants?: readonly Tenant[];
  readonly configuredKeys?: readonly ApiKey[];
  readonly configuredClients?: readonly Client[];
  readonly pepper?: string;
  readonly reload?: () => Promise<ReloadReport>;
  readonly rotate?: AdminContext['keyring']['rotate'];
  readonly problemWithKeyring?: AdminContext['keyring']['problemWith'];
  /** Puts something between the store and what uses it. */
  readonly through?: (stores: Stores) => Stores;
}

/** The administration API on a real socket, on an embedded store in memory, logging at trace level to a file. */
export async function startAdmin(options: RunningAdminOptions = {}): Promise<RunningAdmin> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-admin-'));
  const logFile = path.join(folder, 'log');
  let offset = 0;
  const clock = () => Date.now() + offset;
  const opened = openEmbeddedStore({ path: ':memory:', clock });
  const stores = options.through?.(opened) ?? opened;
  const { log, flush } = createLog({ level: 'trace', destination: logFile });
  const metrics = createMetrics(clock);
  const audit = createAuditStream({ store: stores.audit, log, metrics, clock });
  const { configuredTenants = [], configuredKeys = [], configuredClients = [], pepper = PEPPER } = options;
  const issuers = [{ name: 'acme-login', issuer: 'https://login.acme.example' }];
  const tenantService = createTenantService({
    tenants: stores.tenants,
    configured: () => configuredTenants,
    issuers: () => issuers.map(({ name }) => name),
    clock,
  });
  const keyService = createKeyService({
    apiKeys: stores.apiKeys,
    revocations: stores.revocations,
    configuredKeys: () => configuredKeys,
    isTenant: async (id) => (await tenantService.find(id)).ok,
    pepper: () => (pepper === '' ? undefined : createSecretKey(Buffer.from(pepper))),
    clock,
  });
  const app = createAdminListener({
    stores,
    keyService,
    tenantService,
    keyring: {
      rotate: options.rotate ?? (async () => ({ kind: 'absent' })),
      reseal: async () => 1,
      encryptionKeyUses: async () => ENCRYPTION_KEYS,
      problemWith: options.problemWithKeyring ?? (() => undefined),
    },
    sessions: createSessionAdministration({
      sessions: stores.sessions,
      revocations: stores.revocations,
      longestLife: () => 90 * 86_400_000,
      clock,
    }),
    clientService: createClientService({
      clients: stores.clients,
      revocations: stores.revocations,
      configured: () => configuredClients,
      logins: () => ['main'],
      accessTokenFormat: () => 'opaque',
      isTenant: async (id) => (await tenantService.find(id)).ok,
      clock,
    }),
    logins: () => ['main'],
    issuers: () => issuers,
    reload: options.reload ?? (async () => ({ outcome: 'unchanged', revision: 'r1' })),
    explain: async () => ({
      decision: 'denied',
      code: 'route_not_found',
      status: 404,
      reason: 'no route',
      steps: [],
      route: undefined,
      principal: undefined,
      tenant: undefined,
      forwarded: undefined,
    }),
    observations: async () => [],
    status: async () => ({
      version: '0.1.0',
      startedAt: clock(),
      configuration: { file: 'gatehouse.yaml', revision: 'r1', loadedAt: clock(), errors: [] },
      replicas: [
        {
          id: 'host:1',
          isSelf: true,
          version: '0.1.0',
          revision: 'r1',
          startedAt: clock(),
          lagMilliseconds: 0,
        },
      ],
      encryptionKeys: ENCRYPTION_KEYS,
      checks: [{ name: 'store', effect: 'required', isOk: true }],
    }),
    audit,
    tokens: createAdminTokens([
      { name: 'somebody-else', token: new Secret('another-token-of-another-person'), role: 'viewer' },
      { name: 'victor', token: new Secret(VIEWER_TOKEN), role: 'viewer' },
      { name: 'olga', token: new Secret(OPERATOR_TOKEN), role: 'operator' },
      { name: 'alice', token: new Secret(ADMIN_TOKEN), role: 'admin' },
    ]),
    version: '0.1.0',
    log,
    clock,
  });
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push(`${each} ${url}`);
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    stores: opened,
    now: clock,
    travel: (milliseconds) => {
      offset += milliseconds;
    },
    async call(method, target, { body, token = ADMIN_TOKEN, fields = {} } = {}) {
      const response = await fetch(url + target, {
        method,
        headers: {
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...fields,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: response.headers.get('content-type')?.includes('json') === true ? parseJson(text) : undefined,
      };
    },
    audited: (code, count) =>
      vi.waitFor(async () => {
        const records = (await opened.audit.read({ limit: 1000 })).filter((record) => record.code === code);
        if (records.length !== count) throw new Error(`${records.length} records of ${code}, not ${count}`);
        return records;
      }),
    routes: () => routes,
    logged() {
      flush();
      return readFileSync(logFile, 'utf8');
    },
    metrics: async () => (await metrics.expose()).body,
    async close() {
      await app.close();
      await audit.close();
      await opened.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A member of an answer that must be a text. */
export function textOf(json: unknown, name: string): string {
  const value: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, name) : undefined;
  if (typeof value !== 'string') throw new Error(`no ${name} in ${JSON.stringify(json)}`);
  return value;
}
