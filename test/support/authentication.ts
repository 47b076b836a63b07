import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { ApiKeyStore } from '../../src/api-keys/api-key-store.ts';
import { type Authentication, createAuthentication } from '../../src/authentication/authentication.ts';
import type { Denial } from '../../src/authorization/denial.ts';
import { ok, type Result } from '../../src/base/result.ts';
import { Secret } from '../../src/base/secret.ts';
import { apiKeysSchema } from '../../src/config/schema/api-keys.ts';
import type { Settings } from '../../src/config/schema/config.ts';
import { issuersSchema } from '../../src/config/schema/issuers.ts';
import { referenceScalars } from '../../src/config/schema/scalars.ts';
import { sessionsSchema, tokensSchema } from '../../src/config/schema/sessions.ts';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import type { Principal } from '../../src/principals/principal.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { parseTenantId, type TenantId } from '../../src/tenants/tenant.ts';
import { createRecordedMetrics, type RecordedMetrics } from './recorded-metrics.ts';

export interface OpenAuthentication {
  readonly authentication: Authentication;
  readonly stores: Stores;
  readonly metrics: RecordedMetrics;
  /** Tenants by the issuer that they list; change it to change them. */
  readonly bindings: Map<string, ReadonlySet<TenantId>>;
  /** The clock: milliseconds since the epoch, still unless moved. */
  time: { now: number };
  /** Everything that was logged, at trace level. */
  logged(): string;
  bearer(token: string): Promise<Result<Principal, Denial>>;
  apiKey(key: string): Promise<Result<Principal, Denial>>;
  close(): Promise<void>;
}

export interface AuthenticationOptions {
  /** As in the configuration file. */
  readonly issuers?: Readonly<Record<string, unknown>>;
  readonly apiKeys?: Readonly<Record<string, unknown>>;
  /** Stands between the verifier and the store. */
  readonly wrap?: (store: ApiKeyStore) => ApiKeyStore;
}

const scalars = referenceScalars(
  (text) => ok(text),
  (path) => path,
);

export function readIssuerSettings(issuers: Readonly<Record<string, unknown>>): Settings['issuers'] {
  return issuersSchema(scalars).parse(issuers);
}

export function readApiKeySettings(apiKeys: Readonly<Record<string, unknown>>): Settings['apiKeys'] {
  return apiKeysSchema(scalars).parse(apiKeys);
}

/** An authentication over a real store in memory. */
export function openAuthentication(options: AuthenticationOptions = {}): OpenAuthentication {
  const issuers = readIssuerSettings(options.issuers ?? {});
  const time = { now: Date.now() };
  const clock = (): number => time.now;
  const stores = openEmbeddedStore({ path: ':memory:', clock });
  const metrics = createRecordedMetrics();
  // As `gatehouse check` demands it, a fixed tenant lists its issuer.
  const bindings = new Map<string, ReadonlySet<TenantId>>(
    Object.entries(issuers).map(([name, { tenant }]) => [
      name,
      new Set('fixed' in tenant ? [tenant.fixed] : []),
    ]),
  );
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, lineCollector(lines));
  const authentication = createAuthentication({
    settings: {
      apiKeys: readApiKeySettings(options.apiKeys ?? {}),
      issuers,
      login: {},
      tokens: tokensSchema().parse(undefined),
      sessions: sessionsSchema().parse(undefined),
      publicUrl: 'https://gw.test',
    },
    sessions: createSessionService({
      sessions: stores.sessions,
      encryptionKeys: [encryptionKeyOf('test', randomBytes(32))],
      clock,
      log,
    }),
    tokens: stores.tokens,
    // Nobody has registered, and nothing was signed.
    clients: { find: () => undefined, isCurrent: () => true },
    keyring: { verificationKeys: () => [] },
    apiKeys: options.wrap?.(stores.apiKeys) ?? stores.apiKeys,
    changes: stores.changes,
    tenantsOfIssuer: (issuer) => bindings.get(issuer) ?? new Set(),
    clock,
    log,
    metrics,
  });
  return {
    authentication,
    stores,
    metrics,
    bindings,
    time,
    logged: () => lines.join(''),
    bearer: async (token) =>
      authentication.authenticate({ kind: 'bearer', value: new Secret(token) }, time.now),
    apiKey: async (key) => authentication.authenticate({ kind: 'apiKey', value: new Secret(key) }, time.now),
    async close() {
      await authentication.close();
      await stores.close();
    },
  };
}

export function tenant(id: string): TenantId {
  const parsed = parseTenantId(id);
  if (parsed === undefined) throw new Error(`not a tenant id: ${id}`);
  return parsed;
}

/** Code and reason of a refusal; fails on anything else. */
export function refusalOf(result: Result<Principal, Denial>): Denial {
  if (result.ok) throw new Error(`admitted as ${result.value.subject}`);
  return result.error;
}

export function principalOf(result: Result<Principal, Denial>): Principal {
  if (!result.ok) throw new Error(`refused: ${result.error.code}, ${result.error.reason}`);
  return result.value;
}

/** Asks until `isDone`, or fails after 10 s. */
export async function eventually(isDone: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await isDone())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function lineCollector(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
}
