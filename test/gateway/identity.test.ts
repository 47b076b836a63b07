import { describe, expect, it } from 'vitest';
import {
  acme,
  forwarded,
  gateway,
  globexUpstream,
  isSound,
  issuer,
  keyOf,
  kidOf,
  LEGACY_KEY,
  OF_THE_REQUEST,
  publishedKeys,
  signing,
  travel,
  upstream,
  useIdentityScene,
  verifyAssertion,
} from '../support/identity-scene.ts';
import { signToken } from '../support/issuer.ts';
import type { RecordedRequest } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

useIdentityScene();

describe('an upstream that gets everything', () => {
  it('can believe fields, assertion and signature of a user, and gets its own credentials', async () => {
    const now = Math.floor(Date.now() / 1000);
    const token = await signToken(signing, {
      iss: issuer.url,
      aud: 'api',
      sub: 'an,n=1%',
      client_id: 'app',
      name: 'Zoë, 王',
      roles: ['clerk', 'a,b'],
      scope: 'orders:read',
      iat: now,
      exp: now + 300,
    });
    const request = await forwarded('GET /full/x?a=1&b=%20', [`Authorization: Bearer ${token}`]);
    expect(request.startLine).toBe('GET /full/x?a=1&b=%20 HTTP/1.1');
    expect(request.field('x-tenant-name')).toBe('Acme GmbH & S%C3%B6hne');
    expect(request.field('x-user')).toBe('user=an,n=1%25;name=Zo%C3%AB, %E7%8E%8B');
    expect(request.field('x-roles')).toBe('clerk,a%2Cb');
    expect(request.field('x-legacy-key')).toBe(LEGACY_KEY);
    expect(request.field('x-static')).toBe('static-secret');
    const basic = Buffer.from('gatehouse:pässword').toString('base64');
    expect(request.all('authorization')).toEqual([`Basic ${basic}`]);
    expect(request.head).not.toContain(token);

    const { payload } = await verifyAssertion(request, 'full');
    expect(payload).toMatchObject({
      sub: 'user:idp:an,n=1%',
      client: 'client:idp:app',
      tenant: 'acme',
      roles: ['clerk', 'a,b'],
      scope: 'orders:read',
      profile: { name: 'Zoë, 王' },
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(60);
    expect(await isSound(request)).toBe(true);
  });

  it('sees that a field was changed, added to or taken to another request', async () => {
    const request = await forwarded('GET /full/x?a=1', keyOf(acme));
    expect(await isSound(request)).toBe(true);
    const changed = (name: string, value: string): RecordedRequest => {
      const fields = request.fields.map(([each, old]) =>
        each.toLowerCase() === name ? ([each, value] as const) : ([each, old] as const),
      );
      return { ...request, fields };
    };
    expect(await isSound(changed('x-tenant-id', 'globex'))).toBe(false);
    // No user acts here: the field is sent all the same, and cannot be filled in on the way.
    expect(request.all('x-roles')).toEqual(['clerk,night%2C shift']);
    expect(await isSound(changed('x-user', 'user=root'))).toBe(false);
    expect(await isSound({ ...request, startLine: 'DELETE /full/x?a=1 HTTP/1.1' })).toBe(false);
    expect(await isSound({ ...request, startLine: 'GET /full/y?a=1 HTTP/1.1' })).toBe(false);
  });

  it('gets an identity that no client can add to, in no spelling of the names', async () => {
    const request = await forwarded('GET /full/x', [
      ...keyOf(acme),
      'X-Tenant-Id: globex',
      'X_Tenant_Id: globex',
      'x-tenant.id: globex',
      'X-Gatehouse-Assertion: e30.e30.x',
      'Signature: gatehouse=:AAAA:',
      'Signature-Input: gatehouse=()',
      'X-Legacy-Key: stolen',
      'X-Static: x',
    ]);
    expect(request.head).not.toMatch(/globex|stolen/);
    expect(request.all('x-tenant-id')).toEqual(['acme']);
    expect(request.all('x-gatehouse-assertion')).toHaveLength(1);
    expect(await isSound(request)).toBe(true);
  });

  it('of a public route gets its own credentials, no identity, and a signature that vouches for none', async () => {
    // The host names a tenant, and that is all that is known of it: nobody proved anything.
    const request = await forwarded('GET /open', ['X-Tenant-Id: acme', 'X-User: root'], 'acme.gw.test');
    expect(request.field('x-static')).toBe('static-secret');
    for (const name of ['x-tenant-id', 'x-user', 'x-roles', 'x-gatehouse-assertion'])
      expect(request.field(name)).toBeUndefined();
    expect(request.field('x-legacy-key')).toBeUndefined();
    expect(await isSound(request, OF_THE_REQUEST)).toBe(true);
    expect(await isSound(request)).toBe(false);
  });

  it('binds a body through the digest that the client sent', async () => {
    const digest = 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:';
    const request = await forwarded('POST /full/x', [...keyOf(acme), `Content-Digest: ${digest}`]);
    expect(request.field('signature-input')).toContain('"content-digest"');
    expect(await isSound(request)).toBe(true);
  });
});

describe('a tenant with targets of its own', () => {
  it('is served there and nowhere else, with its own credential', async () => {
    const { key } = await gateway.issueKey('globex');
    expect((await gateway.raw(wire('GET /full/x', keyOf({ key })))).status).toBe(200);
    expect(upstream.requests).toHaveLength(0);
    expect(globexUpstream.requests).toHaveLength(1);
    const [request] = globexUpstream.requests;
    expect(request?.field('x-legacy-key')).toBe('globex-key');
    expect(request?.field('host')).toBe(globexUpstream.authority);
    expect(request !== undefined && (await isSound(request))).toBe(true);
  });

  it('is not served at all without the credential that the upstream wants', async () => {
    const { key } = await gateway.issueKey('bare');
    const answer = await gateway.raw(wire('GET /full/x', keyOf({ key })));
    expect(outcomeOf(answer)).toBe('503 identity_unavailable');
    expect(upstream.requests).toHaveLength(0);
    expect((await gateway.auditOf(answer)).reason).toContain('bare');
  });
});

describe('an assertion', () => {
  it('of nobody says so, and is of a kind that a verifier can tell apart', async () => {
    const { payload } = await verifyAssertion(await forwarded('GET /anonymous'), 'orders');
    expect(payload.sub).toBeUndefined();
    expect(payload['roles']).toBeUndefined();
    expect(payload['tenant']).toBeUndefined();
  });

  it('of nobody on the host of a tenant names the tenant', async () => {
    const request = await forwarded('GET /anonymous', [], 'acme.gw.test');
    const { payload } = await verifyAssertion(request, 'orders');
    expect(payload['tenant']).toBe('acme');
    expect(payload.sub).toBeUndefined();
  });

  it('is signed with the new key after a rotation, while the old one stays published', async () => {
    const before = await forwarded('GET /asserted', keyOf(acme));
    expect((await publishedKeys()).keys.map(({ kid }) => kid)).toContain(kidOf(before));
    travel(2 * 3600_000);
    const announced = (await publishedKeys()).keys.map(({ kid }) => kid);
    await gateway.admin('POST', '/v1/keyring/rotate', { purpose: 'assertion:EdDSA' });
    const after = await forwarded('GET /asserted', keyOf(acme));
    expect(kidOf(after)).not.toBe(kidOf(before));
    // Verifiers that fetched the keys before the rotation know the new one already.
    expect(announced).toContain(kidOf(after));
    await verifyAssertion(after, 'orders');
    travel(0);
    await verifyAssertion(before, 'orders');
  });

  it('is never accepted as a credential', async () => {
    const request = await forwarded('GET /asserted', keyOf(acme));
    const token = request.field('x-gatehouse-assertion');
    const answer = await gateway.raw(wire('GET /full/x', [`Authorization: Bearer ${token}`]));
    expect(outcomeOf(answer)).toBe('401 credential_invalid');
  });
});

describe('path and host at the upstream', () => {
  it.each([
    ['GET /api/v1/orders/7?x=%41', '/base/v2/orders/7?x=%41'],
    ['GET /api/v1/a%20b/c;d=1', '/base/v2/a%20b/c;d=1'],
    ['GET /api/v1/orders?', '/base/v2/orders?'],
  ])('%s becomes %s', async (line, target) => {
    const request = await forwarded(line, keyOf(acme));
    expect(request.startLine).toBe(`GET ${target} HTTP/1.1`);
  });

  it('are those of the target, of the client, or fixed, as configured', async () => {
    const plain = await forwarded('GET /api/v1/x', keyOf(acme), 'acme.gw.test');
    expect(plain.all('host')).toEqual([upstream.authority]);
    expect(plain.all('x-forwarded-host')).toEqual(['acme.gw.test']);
    const preserving = await forwarded('GET /preserving', [], 'acme.gw.test:8443');
    expect(preserving.all('host')).toEqual(['acme.gw.test:8443']);
    const fixed = await forwarded('GET /fixed', [], 'acme.gw.test');
    expect(fixed.all('host')).toEqual(['legacy.internal:8443']);
  });

  it('come with the credential of the client only where that is configured', async () => {
    const request = await forwarded('GET /passing', keyOf(acme));
    expect(request.all('x-api-key')).toEqual([acme.key]);
  });
});
