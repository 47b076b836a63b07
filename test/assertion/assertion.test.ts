import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AssertIdentity, createAssertion } from '../../src/assertion/assertion.ts';
import { Outage } from '../../src/base/outage.ts';
import { SIGNING_ALGORITHMS } from '../../src/keys/algorithm.ts';
import {
  contextOf,
  NOW,
  type OpenedKeyring,
  openTestKeyring,
  principalOf,
  tenantIdOf,
  upstreamOf,
} from './upstream.ts';

let opened: OpenedKeyring;
let lookups: string[];

beforeAll(async () => {
  opened = await openTestKeyring();
});
afterAll(() => opened.close());
beforeEach(() => {
  lookups = [];
});

function assertionOf(settings: object = {}): AssertIdentity {
  const { assertion } = upstreamOf({ identity: { assertion: settings } }).identity;
  if (assertion === undefined) throw new Error('no assertion');
  return createAssertion({
    settings: assertion,
    upstream: 'orders',
    issuer: 'https://api.example.com',
    keyring: opened.keyring,
    metrics: { cacheLookup: (cache, outcome) => lookups.push(`${cache} ${outcome}`) },
  });
}

function verify(token: string, now = NOW) {
  const jwks = createLocalJWKSet({ keys: opened.keyring.jwks().keys as unknown as JWK[] });
  return jwtVerify(token, jwks, {
    typ: 'gatehouse-assertion+jwt',
    issuer: 'https://api.example.com',
    audience: 'orders',
    requiredClaims: ['exp', 'iat'],
    currentDate: new Date(now),
  });
}

describe('the assertion', () => {
  it.each(SIGNING_ALGORITHMS)(
    'by %s verifies with the published keys and says who acts for whom',
    async (algorithm) => {
      const token = assertionOf({ algorithm, profile: ['name', 'absent', 'teams'] })(contextOf()) ?? '';
      expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      const { payload, protectedHeader } = await verify(token);
      expect(protectedHeader).toEqual({
        alg: algorithm,
        typ: 'gatehouse-assertion+jwt',
        kid: opened.keyring.signer(algorithm).kid,
      });
      expect(payload).toEqual({
        iss: 'https://api.example.com',
        aud: 'orders',
        sub: 'user:acme-login:4711',
        client: 'client:acme-login:erp',
        tenant: 'acme',
        roles: ['clerk', 'night shift'],
        scope: 'orders:read orders:write',
        profile: { name: 'Zoë', teams: ['a', 'b'] },
        iat: NOW / 1000,
        exp: NOW / 1000 + 60,
      });
    },
  );

  it('is dead after its time, for another upstream, and with any other bytes', async () => {
    const token = assertionOf()(contextOf()) ?? '';
    await expect(verify(token, NOW + 60_000)).rejects.toThrow('"exp" claim timestamp check failed');
    await expect(verify(assertionOf({ audience: 'billing' })(contextOf()) ?? '')).rejects.toThrow('"aud"');
    const [header = '', claims = '', signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), tenant: 'globex' })).toString(
      'base64url',
    );
    expect(forged).not.toBe(claims);
    await expect(verify(`${header}.${forged}.${signature}`)).rejects.toThrow('signature verification failed');
  });

  it('never outlives the credential, nor the key of a pair', () => {
    const soon = principalOf({ expiresAt: NOW + 20_700 });
    const later = principalOf({ expiresAt: NOW + 40_000 });
    const assert = assertionOf();
    expect(decodeJwt(assert(contextOf({ principal: soon })) ?? '').exp).toBe(NOW / 1000 + 20);
    expect(decodeJwt(assert(contextOf({ principal: later, clientPrincipal: soon })) ?? '').exp).toBe(
      NOW / 1000 + 20,
    );
    const last = assert(contextOf({ principal: principalOf({ expiresAt: NOW + 500 }) }));
    expect(decodeJwt(last ?? '').exp).toBe((NOW + 500) / 1000);
    for (const expiresAt of [NOW - 1, NOW])
      expect(() => assert(contextOf({ principal: principalOf({ expiresAt }) }))).toThrow(Outage);
  });

  it('is reused until half its life is over, and not when the clock was set back', () => {
    const assert = assertionOf();
    const principal = principalOf();
    const at = (now: number) => assert(contextOf({ principal, now }));
    const first = at(NOW);
    expect(at(NOW + 29_999)).toBe(first);
    const second = at(NOW + 30_000);
    expect(second).not.toBe(first);
    expect(at(NOW + 29_000)).not.toBe(second);
    expect(lookups).toEqual(['assertion miss', 'assertion hit', 'assertion miss', 'assertion miss']);
  });

  it('is never that of another principal, tenant or client', () => {
    const assert = assertionOf();
    const principal = principalOf();
    const client = principalOf({ client: 'key:8K2M9QXT' });
    const globex = { id: tenantIdOf('globex'), name: 'Globex', credentials: {} };
    const contexts = [
      contextOf({ principal }),
      contextOf({ principal, tenant: globex }),
      contextOf({ principal, tenant: undefined }),
      contextOf({ principal, clientPrincipal: client }),
      contextOf({ principal, clientPrincipal: client, tenant: globex }),
      contextOf({ principal: principalOf({ subject: 'user:acme-login:4712' }) }),
    ];
    const tokens = contexts.map((context) => assert(context) ?? '');
    expect(contexts.map((context) => assert(context))).toEqual(tokens);
    expect(
      tokens.map((token) => decodeJwt(token)).map(({ sub, tenant, client }) => [sub, tenant, client]),
    ).toEqual([
      ['user:acme-login:4711', 'acme', 'client:acme-login:erp'],
      ['user:acme-login:4711', 'globex', 'client:acme-login:erp'],
      ['user:acme-login:4711', undefined, 'client:acme-login:erp'],
      ['user:acme-login:4711', 'acme', 'key:8K2M9QXT'],
      ['user:acme-login:4711', 'globex', 'key:8K2M9QXT'],
      ['user:acme-login:4712', 'acme', 'client:acme-login:erp'],
    ]);
  });

  it('is there on public routes only when asked for, and then names nobody', async () => {
    const nobody = contextOf({ principal: undefined });
    expect(assertionOf()(nobody)).toBeUndefined();
    const { payload } = await verify(assertionOf({ anonymous: true, profile: ['name'] })(nobody) ?? '');
    expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'tenant']);
  });

  it('leaves out a scope that would become two in the list', () => {
    const principal = principalOf({ scopes: new Set(['read', 'a admin']), roles: new Set() });
    const { scope, roles } = decodeJwt(assertionOf()(contextOf({ principal })) ?? '');
    expect([scope, roles]).toEqual(['read', []]);
  });

  it('of before a rotation still verifies, while new ones are signed by the key that was next', async () => {
    const assert = assertionOf({ algorithm: 'EdDSA' });
    const principal = principalOf();
    const before = assert(contextOf({ principal })) ?? '';
    opened.travel(3_600_000);
    await opened.keyring.rotate('assertion:EdDSA');
    const after = assert(contextOf({ principal })) ?? '';
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    for (const token of [before, after])
      expect((await verify(token)).payload.sub).toBe('user:acme-login:4711');
  });
});
