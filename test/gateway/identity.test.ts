import { createHmac, timingSafeEqual } from 'node:crypto';
import { verifySignature } from 'http-message-sig';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type SigningKey, signToken, startIssuer, type TestIssuer } from '../support/issuer.ts';
import { type RawUpstream, type RecordedRequest, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const SIGNATURE_SECRET = 'a-signature-secret-of-more-than-32-bytes';
const LEGACY_KEY = 'acme legacy key: 1,2';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let upstream: RawUpstream;
let globexUpstream: RawUpstream;
let issuer: TestIssuer;
let signing: SigningKey;
let gateway: TestGateway;
let acme: { readonly id: string; readonly key: string };
/** How far the clock of the gateway is ahead. */
let ahead = 0;

beforeAll(async () => {
  [upstream, globexUpstream, issuer] = await Promise.all([
    startRawUpstream(OK),
    startRawUpstream(OK),
    startIssuer(),
  ]);
  signing = await issuer.newKey('ES256', 'k1');
  const targets = [upstream.origin];
  const assertion = { profile: ['name'] };
  gateway = await startTestGateway(
    {
      tenants: {
        acme: {
          name: 'Acme GmbH & Söhne',
          hosts: ['acme.gw.test'],
          issuers: ['idp'],
          credentials: { legacyKey: LEGACY_KEY },
        },
        globex: { upstreams: { full: [globexUpstream.origin] }, credentials: { legacyKey: 'globex-key' } },
        bare: {},
      },
      issuers: {
        idp: {
          issuer: issuer.url,
          audience: 'api',
          keys: { jwksUri: `${issuer.url}/jwks` },
          tenant: { fixed: 'acme' },
          claims: { profile: { name: 'name' } },
        },
      },
      upstreams: {
        full: {
          targets,
          identity: {
            fields: {
              'X-Tenant-Id': '{tenant.id}',
              'X-Tenant-Name': '{tenant.name}',
              'X-User': 'user={user.id};name={user.name}',
              'X-Roles': '{roles}',
            },
            assertion,
            signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: SIGNATURE_SECRET }] },
          },
          credentials: {
            fields: { 'X-Legacy-Key': '{tenant.credentials.legacyKey}', 'X-Static': 'static-secret' },
            basic: { username: 'gatehouse', password: 'pässword' },
          },
        },
        asserted: {
          targets,
          identity: { assertion: { anonymous: true, algorithm: 'EdDSA', audience: 'orders' } },
        },
        plain: { targets, basePath: '/base/v2', identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } },
        preserving: { targets, host: 'preserve' },
        fixed: { targets, host: { fixed: 'legacy.internal:8443' } },
        passing: { targets, credentials: { passThrough: true } },
      },
      routes: [
        { id: 'full', match: { path: '/full/**' }, accept: ['apiKey', 'bearer'], upstream: 'full' },
        { id: 'full-public', match: { path: '/open' }, public: true, upstream: 'full' },
        { id: 'asserted', match: { path: '/asserted' }, accept: ['apiKey'], upstream: 'asserted' },
        { id: 'anonymous', match: { path: '/anonymous' }, public: true, upstream: 'asserted' },
        {
          id: 'plain',
          match: { path: '/api/v1/**' },
          accept: ['apiKey'],
          stripPrefix: '/api/v1',
          upstream: 'plain',
        },
        { id: 'preserving', match: { path: '/preserving' }, public: true, upstream: 'preserving' },
        { id: 'fixed', match: { path: '/fixed' }, public: true, upstream: 'fixed' },
        { id: 'passing', match: { path: '/passing' }, accept: ['apiKey'], upstream: 'passing' },
      ],
    },
    { clock: () => Date.now() + ahead },
  );
  acme = await gateway.issueKey('acme', { roles: ['clerk', 'night, shift'], scopes: ['orders:read'] });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([upstream.close(), globexUpstream.close(), issuer.close()]);
});
beforeEach(() => {
  ahead = 0;
  upstream.requests.length = 0;
  globexUpstream.requests.length = 0;
});

/** The one request that reached the upstream for this one of the client. */
async function forwarded(
  line: string,
  fields: readonly string[] = [],
  host?: string,
): Promise<RecordedRequest> {
  const before = upstream.requests.length;
  const answer = await gateway.raw(wire(line, fields, { ...(host !== undefined && { host }) }));
  expect(outcomeOf(answer)).toBe('200');
  expect(upstream.requests).toHaveLength(before + 1);
  const request = upstream.requests.at(-1);
  if (request === undefined) throw new Error('nothing was forwarded');
  return request;
}

async function publishedKeys(): Promise<JSONWebKeySet> {
  const answer = await gateway.raw(wire('GET /.well-known/jwks.json'));
  expect(answer.field('content-type')).toBe('application/jwk-set+json');
  return JSON.parse(answer.body.toString()) as JSONWebKeySet;
}

/** What a legacy stack with a JOSE library does, with nothing but the published keys. */
async function verifyAssertion(request: RecordedRequest, audience: string) {
  const [token, ...others] = request.all('x-gatehouse-assertion');
  expect(others).toEqual([]);
  return jwtVerify(token ?? '', createLocalJWKSet(await publishedKeys()), {
    issuer: 'https://gw.test',
    audience,
    typ: 'gatehouse-assertion+jwt',
    currentDate: new Date(Date.now() + ahead),
  });
}

function kidOf(request: RecordedRequest): string {
  return decodeProtectedHeader(request.field('x-gatehouse-assertion') ?? '').kid ?? '';
}

const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];
const WITH_IDENTITY = [
  ...OF_THE_REQUEST,
  'x-tenant-id',
  'x-tenant-name',
  'x-user',
  'x-roles',
  'x-gatehouse-assertion',
];

/** What a legacy stack with an RFC 9421 library does: rebuilds the base from what it received. */
function verifyRequest(request: RecordedRequest, components: readonly string[]) {
  const [method = '', target = ''] = request.startLine.split(' ');
  return verifySignature(
    {
      kind: 'request',
      method,
      targetUri: `http://${request.field('host')}${target}`,
      fields: request.fields.map(([name, value]) => ({ name, value })),
    },
    {
      label: 'gatehouse',
      policy: {
        algorithms: ['hmac-sha256'],
        requiredComponents: components,
        requiredParameters: ['created', 'expires', 'keyid', 'nonce', 'alg'],
        now: Date.now() / 1000,
      },
      resolveVerifier: () => ({
        algorithm: 'hmac-sha256',
        verify: (base, signature) =>
          timingSafeEqual(
            createHmac('sha256', SIGNATURE_SECRET).update(base).digest(),
            Buffer.from(signature),
          ),
      }),
    },
  );
}

const isSound = (request: RecordedRequest, components = WITH_IDENTITY) =>
  Promise.resolve()
    .then(() => verifyRequest(request, components))
    .then(
      () => true,
      () => false,
    );

function keyOf({ key }: { readonly key: string }): readonly string[] {
  return [`X-API-Key: ${key}`];
}

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
    ahead = 2 * 3600_000;
    const announced = (await publishedKeys()).keys.map(({ kid }) => kid);
    await gateway.admin('POST', '/v1/keyring/rotate', { purpose: 'assertion:EdDSA' });
    const after = await forwarded('GET /asserted', keyOf(acme));
    expect(kidOf(after)).not.toBe(kidOf(before));
    // Verifiers that fetched the keys before the rotation know the new one already.
    expect(announced).toContain(kidOf(after));
    await verifyAssertion(after, 'orders');
    ahead = 0;
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
