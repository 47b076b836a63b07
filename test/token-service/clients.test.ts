import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Agent, fetch as fetchBy } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { findFreePort } from '../support/redis.ts';
import { tokenGatewayConfig } from './gateway-config.ts';
import { ANNA, secretOf } from './replica.ts';

let legacy: LegacyApi;
let authority: CertificateAuthority;
let gateway: TestGateway;
let issuer: URL;
let agent: Agent;

/** Trusts the certificate authority of this test, as the fetch of an operator's client does theirs. */
const trustingFetch = (url: string, init: object) =>
  fetchBy(url, { ...init, dispatcher: agent }) as unknown as Promise<Response>;

/** What a route of the gateway answers to an access token: status, and the user that the legacy API sees. */
async function callApi(token: string): Promise<readonly [number, string | undefined]> {
  const answer = await fetchBy(new URL('/api/me', issuer), {
    headers: { authorization: `Bearer ${token}` },
    dispatcher: agent,
  });
  const body = (await answer.json()) as { readonly user?: { readonly name: string } };
  return [answer.status, body.user?.name];
}

function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version;
}

beforeAll(async () => {
  legacy = await startLegacyApi({ port: 0 });
  authority = createCertificateAuthority();
  const { cert, key } = authority.issue('localhost', ['DNS:localhost']);
  agent = new Agent({ connect: { ca: authority.ca } });
  const port = await findFreePort();
  issuer = new URL(`https://localhost:${port}`);
  gateway = await startTestGateway(
    {
      publicUrl: issuer.origin,
      listen: {
        public: { address: `127.0.0.1:${port}`, tls: { cert: 'tls.pem', key: 'tls.key' } },
        admin: '127.0.0.1:0',
        ops: '127.0.0.1:0',
      },
      ...tokenGatewayConfig(legacy.url),
    },
    { files: { 'tls.pem': cert, 'tls.key': key } },
  );
});
afterAll(async () => {
  await gateway.stop();
  await legacy.close();
  await agent.close();
  authority.remove();
});

async function configure(client: string, authentication?: openid.ClientAuth) {
  const options = { algorithm: 'oauth2', [openid.customFetch]: trustingFetch } as const;
  return openid.discovery(issuer, client, secretOf(client), authentication, options);
}

describe(`O27: openid-client ${versionOf('openid-client')}, over TLS`, () => {
  it.each([
    ['client_secret_basic', openid.ClientSecretBasic(secretOf('jwt'))],
    ['client_secret_post', openid.ClientSecretPost(secretOf('jwt'))],
  ])('finds the metadata and gets, introspects and revokes a token with %s', async (_, authentication) => {
    const config = await configure('jwt', authentication);
    const tokens = await openid.clientCredentialsGrant(config, { tenant: 'acme', scope: 'orders:read' });
    expect(tokens.token_type).toBe('bearer');
    expect(tokens.expiresIn()).toBeGreaterThan(590);
    // It has no session at the upstream, which says so itself.
    expect(await callApi(tokens.access_token)).toEqual([401, undefined]);
    const resource = await configure('api-acme');
    expect(await openid.tokenIntrospection(resource, tokens.access_token)).toMatchObject({
      active: true,
      client_id: 'jwt',
      scope: 'orders:read',
    });
    await openid.tokenRevocation(config, tokens.access_token);
    expect(await openid.tokenIntrospection(resource, tokens.access_token)).toEqual({ active: false });
  });

  it.each(['old', 'jwt'])(
    'logs a user in by the password grant as %s, calls the API, refreshes, revokes',
    async (client) => {
      const config = await configure(client);
      const { grant_type, ...user } = ANNA;
      const tokens = await openid.genericGrantRequest(config, grant_type, { ...user, tenant: 'acme' });
      expect(await callApi(tokens.access_token)).toEqual([200, 'Anna Ackermann']);
      const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '');
      expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
      expect(await callApi(renewed.access_token)).toEqual([200, 'Anna Ackermann']);
      await openid.tokenRevocation(config, renewed.refresh_token ?? '', { token_type_hint: 'refresh_token' });
      // O20: what was remembered of both is dropped with the session.
      expect((await callApi(tokens.access_token))[0]).toBe(401);
      expect((await callApi(renewed.access_token))[0]).toBe(401);
      await expect(openid.refreshTokenGrant(config, renewed.refresh_token ?? '')).rejects.toMatchObject({
        error: 'invalid_grant',
        status: 400,
      });
    },
  );

  it('reads the refusal of a wrong secret', async () => {
    const config = await configure('jwt', openid.ClientSecretBasic('wrong'));
    await expect(openid.clientCredentialsGrant(config, { tenant: 'acme' })).rejects.toMatchObject({
      status: 401,
    });
  });
});

describe(`O27: oauth4webapi ${versionOf('oauth4webapi')}, over TLS`, () => {
  const options = { [oauth.customFetch]: trustingFetch };
  const discover = async () =>
    oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' }),
    );

  it('finds metadata of server and resource and keys, and validates a JWT access token (RFC 9068)', async () => {
    const server = await discover();
    expect(server.issuer).toBe(issuer.origin);
    const resource = await oauth.resourceDiscoveryRequest(issuer, options);
    const metadata = await oauth.processResourceDiscoveryResponse(new URL(issuer.origin), resource);
    expect(metadata.authorization_servers).toEqual([issuer.origin]);
    const client: oauth.Client = { client_id: 'jwt' };
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.ClientSecretBasic(secretOf('jwt')),
      new URLSearchParams({ tenant: 'acme' }),
      options,
    );
    const tokens = await oauth.processClientCredentialsResponse(server, client, answer);
    const request = new Request(new URL('/api', issuer), {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    const claims = await oauth.validateJwtAccessToken(server, request, issuer.origin, options);
    expect(claims).toMatchObject({ client_id: 'jwt', sub: 'client:jwt', tenant: 'acme' });
  });

  it('serves a public client: refresh and revoke without any secret', async () => {
    const server = await discover();
    const client: oauth.Client = { client_id: 'phone' };
    const none = oauth.None();
    const { grant_type, ...user } = ANNA;
    const login = await oauth.genericTokenEndpointRequest(
      server,
      client,
      none,
      grant_type,
      { ...user, tenant: 'acme' },
      options,
    );
    const first = await oauth.processGenericTokenEndpointResponse(server, client, login);
    const refresh = await oauth.refreshTokenGrantRequest(
      server,
      client,
      none,
      first.refresh_token ?? '',
      options,
    );
    const second = await oauth.processRefreshTokenResponse(server, client, refresh);
    expect(await callApi(second.access_token)).toEqual([200, 'Anna Ackermann']);
    const revoked = await oauth.revocationRequest(server, client, none, second.access_token, options);
    await oauth.processRevocationResponse(revoked);
    expect((await callApi(second.access_token))[0]).toBe(401);
    expect((await callApi(first.access_token))[0]).toBe(200);
  });

  it('introspects as a resource server', async () => {
    const server = await discover();
    const client: oauth.Client = { client_id: 'api-acme' };
    const asked = await oauth.introspectionRequest(
      server,
      client,
      oauth.ClientSecretPost(secretOf('api-acme')),
      'gha_unknown',
      options,
    );
    expect(await oauth.processIntrospectionResponse(server, client, asked)).toEqual({ active: false });
  });
});

describe('on the wire', () => {
  it('O17: no secret, password or token of all this is in the log, and each call is in the audit stream', async () => {
    const log = gateway.log();
    for (const secret of [ANNA.password, ...['jwt', 'old', 'api-acme'].map(secretOf)])
      expect(log).not.toContain(secret);
    expect(log).not.toMatch(/gha_[0-9A-Za-z]{43}|ghr_[0-9A-Z]{16}_[0-9A-Za-z]{44}/);
    const record = await gateway.audited(
      ({ subject, route }) => subject === 'client:jwt' && route === 'oauth-token',
    );
    expect(record.decision).toBe('admitted');
  });
});
