import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityContext } from '../../src/assertion/identity.ts';
import { createIdentityWriter } from '../../src/assertion/identity-writer.ts';
import { checkTenantCredentials } from '../../src/assertion/upstream-credentials.ts';
import { Outage } from '../../src/base/outage.ts';
import { Secret } from '../../src/base/secret.ts';
import {
  contextOf,
  type OpenedKeyring,
  openTestKeyring,
  pairsOf,
  tenantIdOf,
  upstreamOf,
  valueOf,
} from './upstream.ts';

let opened: OpenedKeyring;

beforeAll(async () => {
  opened = await openTestKeyring();
});
afterAll(() => opened.close());

function create(settings: { identity?: object; credentials?: object }) {
  const { identity, credentials } = upstreamOf(settings);
  return createIdentityWriter({
    upstream: 'orders',
    identity,
    credentials,
    issuer: 'https://api.example.com',
    keyring: opened.keyring,
    metrics: { cacheLookup() {} },
  });
}

function writerOf(settings: Parameters<typeof create>[0]) {
  const writer = create(settings);
  if (!writer.ok) throw new Error(JSON.stringify(writer.error));
  return writer.value;
}

function write(settings: Parameters<typeof create>[0], context: IdentityContext = contextOf()): string[] {
  const fields: string[] = [];
  writerOf(settings).write(context, fields);
  return fields;
}

const ALL = {
  identity: {
    fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' },
    assertion: {},
    signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: 'x'.repeat(32) }] },
  },
  credentials: {
    fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}', 'X-Static': 'gateway secret' },
    basic: { username: 'gätehouse', password: 'pass:wörd' },
  },
};

describe('the identity writer', () => {
  it('writes everything that is configured, and names every field that it may write', () => {
    const fields = pairsOf(write(ALL));
    const names = fields.map(({ name }) => name);
    expect(names).toEqual([
      'X-Tenant-Id',
      'X-User-Id',
      'X-Gatehouse-Assertion',
      'Signature-Input',
      'Signature',
      'X-Api-Key',
      'X-Static',
      'Authorization',
    ]);
    expect([...writerOf(ALL).fieldNames].sort()).toEqual([...names].sort());
    const [tenant, user, assertion, input, , key, fixed, basic] = fields.map(({ value }) => value);
    expect([tenant, user, key, fixed]).toEqual(['acme', '4711', 'acme-legacy-key', 'gateway secret']);
    expect(decodeJwt(assertion ?? '')).toMatchObject({ sub: 'user:acme-login:4711', aud: 'orders' });
    expect(input).toContain('"x-tenant-id" "x-user-id" "x-gatehouse-assertion")');
    expect(Buffer.from((basic ?? '').slice('Basic '.length), 'base64').toString('utf8')).toBe(
      'gätehouse:pass:wörd',
    );
  });

  it('writes nothing where nothing is configured', () => {
    expect(write({})).toEqual([]);
    expect(writerOf({}).fieldNames).toEqual([]);
  });

  it('on a public route writes no identity, but what the upstream wants of the gateway', () => {
    const { identity, credentials } = ALL;
    const settings = {
      identity: { fields: { ...identity.fields, 'X-Via': 'gatehouse' }, assertion: {} },
      credentials,
    };
    const nobody = contextOf({ principal: undefined });
    const names = (context: IdentityContext) => pairsOf(write(settings, context)).map(({ name }) => name);
    expect(names(nobody)).toEqual(['X-Static', 'Authorization']);
    expect(names(contextOf({ principal: undefined, tenant: undefined }))).toEqual([
      'X-Static',
      'Authorization',
    ]);
    const asserted = write({ identity: { assertion: { anonymous: true } } }, nobody);
    expect(decodeJwt(valueOf(asserted, 'X-Gatehouse-Assertion') ?? '').sub).toBeUndefined();
  });

  it('speaks to the upstream as a tenant for nobody, unless the route lends its credentials', () => {
    const lent = contextOf({ principal: undefined, lendsTenantCredentials: true });
    expect(valueOf(write(ALL, lent), 'X-Api-Key')).toBe('acme-legacy-key');
    expect(valueOf(write(ALL, contextOf({ principal: undefined })), 'X-Api-Key')).toBeUndefined();
  });

  it('throws rather than leave out what it cannot make', () => {
    const globex = { id: tenantIdOf('globex'), name: 'Globex', credentials: {} };
    for (const principal of [contextOf().principal, undefined])
      expect(() =>
        write(ALL, contextOf({ principal, tenant: globex, lendsTenantCredentials: true })),
      ).toThrow(new Outage('identity_unavailable', 'tenant globex has no credential legacyKey'));
  });

  it('refuses two uses of one field name, as servers fold names, with every place', () => {
    const writer = create({
      identity: {
        ...ALL.identity,
        fields: {
          'X-A': '{roles}',
          x_a: '{roles}',
          'X-Gatehouse-Assertion': '{roles}',
          'Content-Digest': 'x',
        },
      },
      credentials: { ...ALL.credentials, fields: { authorization: 'x', Signature: 'y', 'X-Ok': 'z' } },
    });
    expect(
      writer.ok ? [] : writer.error.map(({ path, expected }) => `${path.join('.')}: ${expected}`),
    ).toEqual([
      'identity.fields.x_a: a field name of its own; identity.fields.X-A uses this one',
      'identity.fields.X-Gatehouse-Assertion: a field name of its own; identity.assertion.field uses this one',
      'identity.fields.Content-Digest: a field name of its own; identity.signature uses this one',
      'credentials.fields.authorization: a field name of its own; credentials.basic uses this one',
      'credentials.fields.Signature: a field name of its own; identity.signature uses this one',
    ]);
  });

  it('lists all problems at once, by place, and quotes no secret', () => {
    const writer = create({
      identity: {
        fields: { 'X-A': '{role}' },
        assertion: { ttl: '61s' },
        signature: {
          algorithm: 'hmac-sha256',
          keys: [{ id: 'schlüssel', secret: 'short-s3cret' }],
          ttl: '1h',
        },
      },
      credentials: {
        fields: { 'X-Key': 's3cret\n' },
        basic: { username: 'user', password: 's3cret\n' },
      },
    });
    const problems = writer.ok ? [] : writer.error;
    expect(problems.map(({ path, found }) => `${path.join('.')}: ${found}`)).toEqual([
      'identity.fields.X-A: "{role}"',
      'identity.assertion.ttl: 61000 ms',
      'identity.signature.ttl: 3600000 ms',
      'identity.signature.keys.0.id: "schlüssel"',
      'identity.signature.keys.0.secret: a secret of 12 bytes',
      'credentials.fields.X-Key: a text that no field can carry',
      'credentials.basic.password: a password with a control character, such as a line break at its end',
    ]);
    expect(JSON.stringify(problems)).not.toContain('s3cret');
  });

  it('refuses an Ed25519 key that is none, without quoting it', () => {
    const identity = {
      signature: { algorithm: 'ed25519', keys: [{ id: 'e', secret: 's3cret, not a PEM' }] },
    };
    const writer = create({ identity });
    expect(writer).toMatchObject({ ok: false, error: [{ found: 'a text that is no private key' }] });
    expect(JSON.stringify(writer)).not.toContain('s3cret');
  });
});

describe('the check of tenant credentials', () => {
  it('lists tenants that lack one, and values that no field can carry', () => {
    const tenants = {
      acme: { credentials: { legacyKey: new Secret('fine') } },
      globex: { credentials: {} },
      initech: { credentials: { legacyKey: new Secret('s3cret\n') } },
    };
    const { missing, unusable } = checkTenantCredentials(['legacyKey'], tenants);
    expect(missing.map(({ path }) => path.join('.'))).toEqual(['globex.credentials.legacyKey']);
    expect(unusable.map(({ path }) => path.join('.'))).toEqual(['initech.credentials.legacyKey']);
    expect(JSON.stringify(unusable)).not.toContain('s3cret');
  });
});
