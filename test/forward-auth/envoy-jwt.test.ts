import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envoyRecipe, installEnvoy, type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { createSigningKey } from '../support/issuer.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { findFreePort } from '../support/redis.ts';

const envoy = installEnvoy();
const missing = typeof envoy === 'string' ? envoy : undefined;
const version = typeof envoy === 'string' ? `(skipped: ${envoy})` : envoy.version;

let upstream: RawUpstream;
let gateway: TestGateway;
let running: RunningEnvoy;
let assertion: string;
/** Of the assertion, with other members in the place of its own. */
let changed: (members: object) => string;

async function startScene(): Promise<void> {
  if (typeof envoy === 'string') throw new Error(envoy);
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const port = await findFreePort();
  const targets = [`http://127.0.0.1:${port}`];
  const other = { targets, identity: { assertion: { audience: 'elsewhere' } } };
  gateway = await startTestGateway({
    publicUrl: 'https://api.example.com',
    tenants: { acme: { hosts: ['acme.gw.test'] } },
    upstreams: {
      legacy: { targets, identity: { assertion: { anonymous: true } } },
      other,
      silent: { targets },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'legacy' },
      { id: 'orders', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'legacy' },
      { id: 'other', match: { path: '/other' }, accept: ['apiKey'], upstream: 'other' },
      { id: 'silent', match: { path: '/silent' }, accept: ['apiKey'], upstream: 'silent' },
    ],
  });
  running = await startEnvoy(
    envoy,
    envoyRecipe('jwt-authn', { 8080: gateway.port, 3000: upstream.port }, port),
  );
}

/** Through the gateway, or, with a port, past it. */
function get(target: string, fields: readonly string[], port = gateway.port) {
  const lines = [`GET ${target} HTTP/1.1`, 'Host: acme.gw.test', 'Connection: close', ...fields, '', ''];
  return exchangeRaw(port, lines.join('\r\n'));
}

describe.skipIf(missing)(`jwt_authn of Envoy ${version}, by our JWKS`, () => {
  beforeAll(async () => {
    console.log(`Envoy ${version}, jwt_authn`);
    await startScene();
  });
  afterAll(async () => {
    await running?.stop();
    await gateway?.stop();
    await upstream?.close();
    if (typeof envoy === 'object') envoy.remove();
  });

  it('accepts what the gateway forwards', async () => {
    const { key } = await gateway.issueKey('acme');
    const answer = await get('/api/orders', [`X-API-Key: ${key}`, 'X-Gatehouse-Assertion: a.b.c']);
    expect(answer.status).toBe(200);
    const [request] = upstream.requests;
    expect(request?.all('x-gatehouse-assertion')).toHaveLength(1);
    assertion = request?.field('x-gatehouse-assertion') ?? '';
    const [head = '', payload = '', signature = ''] = assertion.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    changed = (members) => {
      const text = JSON.stringify({ ...claims, ...members });
      return [head, Buffer.from(text).toString('base64url'), signature].join('.');
    };
    expect(changed({})).toBe(assertion);
  });

  it('accepts it past the gateway too, so that what follows is refused for what was changed', async () => {
    expect((await get('/x', [`X-Gatehouse-Assertion: ${assertion}`], running.port)).status).toBe(200);
  });

  it.each([
    ['another subject', () => changed({ sub: 'root' })],
    ['another tenant', () => changed({ tenant: 'globex' })],
    ['a later expiry', () => changed({ exp: 4_102_444_800 })],
    ['no signature', () => `${assertion.split('.').slice(0, 2).join('.')}.`],
    ['the algorithm none', () => withoutAlgorithm()],
    ['the signature of another key under our key id', () => signedByAnother()],
    ['nothing in it', () => ''],
  ])('refuses an assertion with %s, and the upstream sees nothing', async (_, tamper) => {
    const before = upstream.requests.length;
    const answer = await get('/x', [`X-Gatehouse-Assertion: ${await tamper()}`], running.port);
    expect(answer.status).toBe(401);
    expect(upstream.requests.length).toBe(before);
  });

  it('refuses what the gateway asserts to another audience, and what it does not assert', async () => {
    const { key } = await gateway.issueKey('acme');
    const before = upstream.requests.length;
    expect((await get('/other', [`X-API-Key: ${key}`])).status).toBe(403);
    expect((await get('/silent', [`X-API-Key: ${key}`])).status).toBe(401);
    expect(upstream.requests.length).toBe(before);
    expect((await get('/status', [])).status).toBe(200);
  });
});

function withoutAlgorithm(): string {
  const head = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  return `${head}.${assertion.split('.')[1] ?? ''}.`;
}

async function signedByAnother(): Promise<string> {
  const [head = '', payload = ''] = assertion.split('.');
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
  const { privateKey } = await createSigningKey('ES256', kid);
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
}
