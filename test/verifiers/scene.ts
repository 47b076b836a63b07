import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JSONWebKeySet, JWK } from 'jose';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { signToken, startIssuer } from '../support/issuer.ts';
import { type RecordedRequest, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';
import type { Call } from './harness.ts';

export const ISSUER = 'https://gw.test';
export const AUDIENCE = 'legacy';
export const SECRET = 'the-first-secret-of-more-than-32-bytes';
export const NEXT_SECRET = 'the-next-secret-of-more-than-32-bytes!';
export const FIELDS = ['X-Tenant-Id', 'X-User-Id', 'X-Roles', 'X-Gatehouse-Assertion'];
export const BODY = '{"order":1}';
/** SHA-256 of it. */
export const DIGEST = 'sha-256=:p4FnngEwjP75CYOkwTUDGafjmTw6P1qMhDl4GjJtfI0=:';

/** What a running gateway sent to a recording upstream. */
export interface Scene {
  readonly gateway: TestGateway;
  readonly jwksUrl: string;
  /** A user's POST with a digest of its body. */
  readonly user: Call;
  /** An API key's GET: no user, no body. */
  readonly key: Call;
  readonly publicRoute: Call;
  /** With assertions of these kinds. */
  readonly eddsa: Call;
  readonly rs256: Call;
  readonly otherAudience: Call;
  readonly anonymous: Call;
  /** The same key's request again, by the clock of the gateway set ahead, or after a change of the configuration. */
  again(aheadSeconds: number): Promise<Call>;
  /** Signs requests with the next secret from now on. */
  rotateSecret(): Promise<void>;
  close(): Promise<void>;
}

function route(id: string, more: object): object {
  return { id, match: { path: `/${id}/**` }, upstream: id, ...more };
}

function configOf(target: string, issuer: string, secrets: readonly { id: string; secret: string }[]) {
  const targets = [target];
  const accept = ['apiKey', 'bearer'];
  return {
    tenants: { acme: { name: 'Acme', issuers: ['idp'] } },
    issuers: {
      idp: {
        issuer,
        audience: 'api',
        keys: { jwksUri: `${issuer}/jwks` },
        tenant: { fixed: 'acme' },
        claims: { profile: { name: 'name' } },
      },
    },
    upstreams: {
      legacy: {
        targets,
        identity: {
          fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}', 'X-Roles': '{roles}' },
          assertion: { profile: ['name'] },
          signature: { algorithm: 'hmac-sha256', keys: secrets },
        },
      },
      eddsa: { targets, identity: { assertion: { algorithm: 'EdDSA', audience: AUDIENCE } } },
      rs256: { targets, identity: { assertion: { algorithm: 'RS256', audience: AUDIENCE } } },
      other: { targets, identity: { assertion: {} } },
      nobody: { targets, identity: { assertion: { anonymous: true, audience: AUDIENCE } } },
    },
    routes: [
      route('legacy', { accept }),
      route('eddsa', { accept }),
      route('rs256', { accept }),
      route('other', { accept }),
      route('nobody', { public: true }),
      { id: 'open', match: { path: '/open' }, public: true, upstream: 'legacy' },
    ],
  };
}

export async function openScene(): Promise<Scene> {
  let aheadSeconds = 0;
  const [upstream, issuer] = await Promise.all([
    startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    startIssuer(),
  ]);
  const signing = await issuer.newKey('ES256', 'k1');
  const first = { id: 's1', secret: SECRET };
  const gateway = await startTestGateway(configOf(upstream.origin, issuer.url, [first]), {
    clock: () => Date.now() + aheadSeconds * 1000,
  });
  const { key } = await gateway.issueKey('acme', { roles: ['clerk', 'night, shift'] });
  const keyField = `X-API-Key: ${key}`;
  const nowSeconds = () => Date.now() / 1000 + aheadSeconds;
  const iat = Math.floor(nowSeconds());
  const bearer = await signToken(signing, {
    iss: issuer.url,
    aud: 'api',
    sub: '4711',
    client_id: 'app',
    name: 'Zoë, 王',
    roles: ['clerk'],
    scope: 'orders:read orders:write',
    iat,
    exp: iat + 300,
  });

  async function forward(line: string, fields: readonly string[], body = ''): Promise<Call> {
    const before = upstream.requests.length;
    const answer = await gateway.raw(wire(line, fields, { body }));
    if (outcomeOf(answer) !== '200') throw new Error(`${line}: ${outcomeOf(answer)}`);
    return callOf(await upstream.request(before), nowSeconds());
  }

  return {
    gateway,
    jwksUrl: `http://127.0.0.1:${gateway.port}/.well-known/jwks.json`,
    user: await forward(
      'POST /legacy/orders?a=1&b=%20',
      [`Authorization: Bearer ${bearer}`, `Content-Digest: ${DIGEST}`, `Content-Length: ${BODY.length}`],
      BODY,
    ),
    key: await forward('GET /legacy/x', [keyField]),
    publicRoute: await forward('GET /open', []),
    eddsa: await forward('GET /eddsa/x', [keyField]),
    rs256: await forward('GET /rs256/x', [keyField]),
    otherAudience: await forward('GET /other/x', [keyField]),
    anonymous: await forward('GET /nobody/x', []),
    again(ahead) {
      aheadSeconds = ahead;
      return forward('GET /legacy/x', [keyField]);
    },
    async rotateSecret() {
      const keys = [{ id: 's "2"', secret: NEXT_SECRET }, first];
      gateway.writeConfig(configOf(upstream.origin, issuer.url, keys));
      await gateway.gateway.reload();
    },
    async close() {
      await gateway.stop();
      await Promise.all([upstream.close(), issuer.close()]);
    },
  };
}

function callOf(request: RecordedRequest, now: number): Call {
  const [method = '', target = ''] = request.startLine.split(' ');
  return { method, target, fields: request.fields, body: request.body.toString() || null, now };
}

/** A key of the test's own, of the kind that the gateway uses. */
export interface TestKey {
  readonly jwk: JWK;
  readonly pem: string;
  /** Claims: as JSON, or the bytes to be signed as they are. */
  sign(header: Readonly<Record<string, unknown>> | string, claims: object | string | Buffer): string;
}

function encode(part: object | string): string {
  const isText = typeof part === 'string';
  const bytes = Buffer.isBuffer(part) ? part : Buffer.from(isText ? part : JSON.stringify(part));
  return bytes.toString('base64url');
}

export function createTestKey(kid: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' },
    pem: String(publicKey.export({ type: 'spki', format: 'pem' })),
    sign(header, claims) {
      const input = `${encode(header)}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
}

/** A key set between gateway and verifiers: counts questions, adds keys, fails. */
export interface KeyRelay {
  readonly url: string;
  questions: number;
  behaviour: 'sound' | 'failing' | 'redirecting';
  cacheControl: string | undefined;
  added: readonly JWK[];
  close(): Promise<void>;
}

export async function startKeyRelay(jwksUrl: string): Promise<KeyRelay> {
  const server = createServer((_, response) => {
    relay.questions += 1;
    if (relay.behaviour === 'failing') response.writeHead(503).end();
    else if (relay.behaviour === 'redirecting') response.writeHead(302, { Location: jwksUrl }).end();
    else {
      void publish(response);
    }
  });
  async function publish(response: ServerResponse): Promise<void> {
    const { keys } = (await (await fetch(jwksUrl)).json()) as JSONWebKeySet;
    if (relay.cacheControl !== undefined) response.setHeader('Cache-Control', relay.cacheControl);
    response.end(JSON.stringify({ keys: [...keys, ...relay.added] }));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay: KeyRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    questions: 0,
    behaviour: 'sound',
    cacheControl: 'public, max-age=300',
    added: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return relay;
}
