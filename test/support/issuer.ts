import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK, SignJWT } from 'jose';
import type { Certificate } from './certificates.ts';

/** How the endpoints of the issuer answer. `stalled` accepts and says nothing until the issuer closes. */
export type IssuerBehaviour = 'sound' | 'down' | 'stalled' | 'failing' | 'html' | 'huge' | 'redirecting';

export interface SigningKey {
  readonly kid: string | undefined;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
}

/** A real little token issuer on 127.0.0.1: metadata, a key set and introspection, and a switch for what goes wrong. */
export interface TestIssuer {
  readonly url: string;
  behaviour: IssuerBehaviour;
  /** Members of the published key set; replaced to rotate. */
  published: JWK[];
  /** Overrides of the metadata document. */
  metadata: Record<string, unknown>;
  /** Paths that answer 404. */
  readonly missing: Set<string>;
  /** Answers of introspection by token; anything else is inactive. */
  readonly tokens: Map<string, unknown>;
  /** What was asked of it: `GET /jwks`, … */
  readonly requests: string[];
  /** `Authorization` and body of the last introspection request. */
  lastIntrospection: { readonly authorization: string | undefined; readonly body: string } | undefined;
  count(request: string): number;
  newKey(alg: string, kid?: string): Promise<SigningKey>;
  close(): Promise<void>;
}

export async function startIssuer(tls?: Pick<Certificate, 'cert' | 'key'>): Promise<TestIssuer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void answer(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const issuer: TestIssuer = {
    url,
    behaviour: 'sound',
    published: [],
    metadata: {},
    missing: new Set(),
    tokens: new Map(),
    requests: [],
    lastIntrospection: undefined,
    count: (wanted) => issuer.requests.filter((request) => request === wanted).length,
    async newKey(alg, kid) {
      const key = await createSigningKey(alg, kid);
      issuer.published = [...issuer.published, key.publicJwk];
      return key;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    issuer.requests.push(`${request.method} ${path}`);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    switch (issuer.behaviour) {
      case 'down':
        request.socket.destroy();
        return;
      case 'stalled':
        return;
      case 'failing':
        response.writeHead(500).end('{"keys":[]}');
        return;
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
        return;
      case 'huge':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(`{"keys":[],"padding":"${'x'.repeat(10 * 1024 * 1024)}"}`);
        return;
      case 'redirecting':
        if (path.endsWith('/elsewhere')) break;
        response.writeHead(307, { location: `${url}${path}/elsewhere` }).end();
        return;
      case 'sound':
        break;
    }
    if (issuer.missing.has(path)) response.writeHead(404).end();
    else if (path === '/introspect') introspect(request, response, body);
    else if (path.includes('/.well-known/'))
      sendJson(response, { issuer: url, jwks_uri: `${url}/jwks`, ...issuer.metadata });
    else sendJson(response, { keys: issuer.published });
  }

  function introspect(request: IncomingMessage, response: ServerResponse, body: string): void {
    issuer.lastIntrospection = { authorization: request.headers.authorization, body };
    const token = new URLSearchParams(body).get('token') ?? '';
    sendJson(response, issuer.tokens.get(token) ?? { active: false });
  }

  return issuer;
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export async function createSigningKey(alg: string, kid?: string): Promise<SigningKey> {
  const { publicKey, privateKey } = generatePair(alg);
  const publicJwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', ...(kid !== undefined && { kid }) };
  return { kid, alg, privateKey, publicJwk };
}

function generatePair(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  if (alg.startsWith('ES')) {
    const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] ?? alg;
    return generateKeyPairSync('ec', { namedCurve });
  }
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** A token by jose, which is not what verifies here. `undefined` as a claim or parameter leaves it out. */
export async function signToken(
  key: SigningKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const parameters = {
    alg: key.alg,
    typ: 'at+jwt',
    ...(key.kid !== undefined && { kid: key.kid }),
    ...header,
  };
  return new SignJWT({ jti: randomUUID(), ...claims })
    .setProtectedHeader(JSON.parse(JSON.stringify(parameters)) as { alg: string })
    .sign(key.privateKey);
}
