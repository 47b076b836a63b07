import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { IdentityContext } from '../../src/assertion/identity.ts';
import { ok } from '../../src/base/result.ts';
import { Secret } from '../../src/base/secret.ts';
import type { UpstreamSettings } from '../../src/config/schema/config.ts';
import { referenceScalars } from '../../src/config/schema/scalars.ts';
import { upstreamsSchema } from '../../src/config/schema/upstreams.ts';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import { type Keyring, openKeyring } from '../../src/keys/keyring.ts';
import type { Principal } from '../../src/principals/principal.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { parseTenantId, type TenantId } from '../../src/tenants/tenant.ts';

export const NOW = 1_800_000_000_000;

/** Settings of one upstream as an operator writes them, defaults filled in. */
export function upstreamOf(settings: { identity?: object; credentials?: object }): UpstreamSettings {
  const upstreams = upstreamsSchema(referenceScalars(ok, (path) => path)).parse({
    orders: { targets: ['http://127.0.0.1:3000'], ...settings },
  });
  const { orders } = upstreams;
  if (orders === undefined) throw new Error('no upstream');
  return orders;
}

export function tenantIdOf(text: string): TenantId {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error(`${text} is no tenant id`);
  return id;
}

export function principalOf(members: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    subject: 'user:acme-login:4711',
    userId: '4711',
    client: 'client:acme-login:erp',
    clientId: 'erp',
    tenants: [tenantIdOf('acme')],
    scopes: new Set(['orders:read', 'orders:write']),
    roles: new Set(['clerk', 'night shift']),
    profile: { name: 'Zoë', level: 7, teams: ['a', 'b'] },
    method: 'jwt',
    credentialId: 'token:acme-login:1',
    revocationIds: [],
    ...members,
  };
}

export function contextOf(members: Partial<IdentityContext> = {}): IdentityContext {
  return {
    principal: principalOf(),
    clientPrincipal: undefined,
    tenant: {
      id: tenantIdOf('acme'),
      name: 'Acme GmbH',
      credentials: { legacyKey: new Secret('acme-legacy-key') },
    },
    lendsTenantCredentials: false,
    now: NOW,
    method: 'GET',
    authority: 'orders.internal:8080',
    path: '/api/orders/1',
    query: 'expand=lines',
    contentDigest: undefined,
    ...members,
  };
}

export interface OpenedKeyring {
  readonly keyring: Keyring;
  readonly travel: (milliseconds: number) => void;
  readonly close: () => Promise<void>;
}

export async function openTestKeyring(): Promise<OpenedKeyring> {
  let now = NOW;
  const clock = () => now;
  const store = openEmbeddedStore({ path: ':memory:', clock });
  const keyring = await openKeyring({
    store: store.keyring,
    changes: store.changes,
    encryptionKeys: [encryptionKeyOf('test', randomBytes(32))],
    rotateEvery: 30 * 86_400_000,
    clock,
    log: pino({ level: 'silent' }),
  });
  await keyring.prepare(['ES256', 'EdDSA', 'RS256']);
  return {
    keyring,
    travel(milliseconds) {
      now += milliseconds;
    },
    async close() {
      keyring.close();
      await store.close();
    },
  };
}

/** Pairs out of the flat array that a writer fills. */
export function pairsOf(
  fields: readonly string[],
): readonly { readonly name: string; readonly value: string }[] {
  return Array.from({ length: fields.length / 2 }, (_, index) => ({
    name: fields[2 * index] ?? '',
    value: fields[2 * index + 1] ?? '',
  }));
}

export function valueOf(fields: readonly string[], name: string): string | undefined {
  return pairsOf(fields).find((pair) => pair.name === name)?.value;
}
