import { createHmac, timingSafeEqual } from 'node:crypto';
import { verifySignature } from 'http-message-sig';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { type SigningKey, startIssuer, type TestIssuer } from './issuer.ts';
import { type RawUpstream, type RecordedRequest, startRawUpstream } from './raw-upstream.ts';
import { outcomeOf, wire } from './wire.ts';

const SIGNATURE_SECRET = 'a-signature-secret-of-more-than-32-bytes';
export const LEGACY_KEY = 'acme legacy key: 1,2';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

export let upstream: RawUpstream;
export let globexUpstream: RawUpstream;
export let issuer: TestIssuer;
export let signing: SigningKey;
export let gateway: TestGateway;
export let acme: { readonly id: string; readonly key: string };
/** How far the clock of the gateway is ahead. */
let ahead = 0;

/** Opens it all before the tests of a file, and closes it after them. */
export function useIdentityScene(): void {
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
}

/** The one request that reached the upstream for this one of the client. */
export async function forwarded(
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

export async function publishedKeys(): Promise<JSONWebKeySet> {
  const answer = await gateway.raw(wire('GET /.well-known/jwks.json'));
  expect(answer.field('content-type')).toBe('application/jwk-set+json');
  return JSON.parse(answer.body.toString()) as JSONWebKeySet;
}

/** What a legacy stack with a JOSE library does, with nothing but the published keys. */
export async function verifyAssertion(request: RecordedRequest, audience: string) {
  const [token, ...others] = request.all('x-gatehouse-assertion');
  expect(others).toEqual([]);
  return jwtVerify(token ?? '', createLocalJWKSet(await publishedKeys()), {
    issuer: 'https://gw.test',
    audience,
    typ: 'gatehouse-assertion+jwt',
    currentDate: new Date(Date.now() + ahead),
  });
}

export function kidOf(request: RecordedRequest): string {
  return decodeProtectedHeader(request.field('x-gatehouse-assertion') ?? '').kid ?? '';
}

export const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];
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

export const isSound = (request: RecordedRequest, components = WITH_IDENTITY) =>
  Promise.resolve()
    .then(() => verifyRequest(request, components))
    .then(
      () => true,
      () => false,
    );

export function keyOf({ key }: { readonly key: string }): readonly string[] {
  return [`X-API-Key: ${key}`];
}

/** Sets the clock of the gateway ahead, until the next test. */
export function travel(milliseconds: number): void {
  ahead = milliseconds;
}
