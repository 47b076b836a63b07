import { spawnSync } from 'node:child_process';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AUDIENCE,
  INTROSPECTION_CLIENT,
  SCOPE,
  TENANT_CLIENTS,
  type TenantClient,
} from '../../demo/issuer/clients.ts';
import { fetchToken } from '../../demo/issuer/fetch-token.ts';
import { type Issuer, startIssuer } from '../../demo/issuer/server.ts';

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer({ port: 0 });
});
afterAll(() => issuer.close());

function basic({ id, secret }: Pick<TenantClient, 'id' | 'secret'>): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

async function introspect(token: string, client: Pick<TenantClient, 'id' | 'secret'>): Promise<Response> {
  const body = new URLSearchParams({ token });
  return fetch(issuer.introspectionEndpoint, { method: 'POST', headers: basic(client), body });
}

async function askForToken(secret: string, form: Record<string, string>): Promise<Response> {
  return fetch(issuer.tokenEndpoint, {
    method: 'POST',
    headers: basic({ id: TENANT_CLIENTS.acme.id, secret }),
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
}

describe.each(['acme', 'globex'] as const)('%s', (tenant) => {
  const client = TENANT_CLIENTS[tenant];

  test('gets an ES256 at+jwt for the API that names its tenant and roles and verifies with the published key', async () => {
    const token = await fetchToken({ tokenEndpoint: issuer.tokenEndpoint, tenant, format: 'jwt' });
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)), {
      issuer: issuer.issuer,
      audience: AUDIENCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['exp', 'iat', 'jti'],
    });
    expect(payload).toMatchObject({ sub: client.id, client_id: client.id, scope: SCOPE, ...client.claims });
  });

  test('gets an opaque token that only introspection can read', async () => {
    const token = await fetchToken({ tokenEndpoint: issuer.tokenEndpoint, tenant, format: 'opaque' });
    expect(token).toMatch(/^[\w-]{43,}$/);
    const response = await introspect(token, INTROSPECTION_CLIENT);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      active: true,
      iss: issuer.issuer,
      aud: AUDIENCE,
      client_id: client.id,
      scope: SCOPE,
      exp: expect.any(Number),
      ...client.claims,
    });
  });
});

test('the discovery document names the endpoints that were announced', async () => {
  const response = await fetch(`${issuer.issuer}/.well-known/openid-configuration`);
  expect(await response.json()).toMatchObject({
    issuer: issuer.issuer,
    token_endpoint: issuer.tokenEndpoint,
    jwks_uri: issuer.jwksUri,
    introspection_endpoint: issuer.introspectionEndpoint,
    grant_types_supported: ['client_credentials'],
  });
});

test('the published keys hold no private part', async () => {
  const response = await fetch(issuer.jwksUri);
  const { keys } = (await response.json()) as { keys: object[] };
  expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([
    ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
  ]);
});

test('a narrower scope is granted as asked', async () => {
  const scope = 'orders:read';
  const token = await fetchToken({
    tokenEndpoint: issuer.tokenEndpoint,
    tenant: 'acme',
    format: 'opaque',
    scope,
  });
  const response = await introspect(token, INTROSPECTION_CLIENT);
  expect(await response.json()).toMatchObject({ active: true, scope });
});

test('an unknown token and a client that may not introspect both learn only that it is not active', async () => {
  const token = await fetchToken({ tokenEndpoint: issuer.tokenEndpoint, tenant: 'acme', format: 'opaque' });
  const unknown = await introspect(`${token}x`, INTROSPECTION_CLIENT);
  expect(await unknown.json()).toEqual({ active: false });
  const stranger = await introspect(token, TENANT_CLIENTS.globex);
  expect(await stranger.json()).toEqual({ active: false });
});

test('a wrong client secret gets no token', async () => {
  const response = await askForToken('wrong', { resource: AUDIENCE });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: 'invalid_client' });
});

test('a resource that the issuer does not know is refused', async () => {
  const response = await askForToken(TENANT_CLIENTS.acme.secret, { resource: 'https://other.example.com' });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: 'invalid_target' });
});

test('starting, issuing, refusing and closing prints nothing', () => {
  const script = `
    import { startIssuer } from './demo/issuer/server.ts';
    import { fetchToken } from './demo/issuer/fetch-token.ts';
    const { issuer, tokenEndpoint, close } = await startIssuer({ port: 0 });
    for (const format of ['jwt', 'opaque']) await fetchToken({ tokenEndpoint, tenant: 'acme', format });
    await fetch(issuer + '/auth');
    const headers = { origin: 'https://app.example.com', authorization: '${basic(TENANT_CLIENTS.acme).authorization}' };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    await fetch(tokenEndpoint, { method: 'POST', headers, body });
    await close();
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});
