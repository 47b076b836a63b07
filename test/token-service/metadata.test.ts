import { describe, expect, it } from 'vitest';
import { ok } from '../../src/base/result.ts';
import { configSchema } from '../../src/config/schema/config.ts';
import { createMetadata } from '../../src/token-service/metadata.ts';
import { ANNA } from './replica.ts';
import { onBothStores, post, tokenOf } from './scene.ts';

const SERVER = '/.well-known/oauth-authorization-server';

onBothStores((scene) => {
  const preflight = (path: string, origin: string) =>
    post(
      scene(),
      path,
      {},
      {
        method: 'OPTIONS',
        fields: { origin, 'access-control-request-method': 'POST' },
      },
    );

  describe('metadata', () => {
    const GET = { method: 'GET', body: '' };

    it('O21: names publicUrl as the issuer, whatever host asks, and only what there is', async () => {
      const answer = await post(scene(), SERVER, {}, { ...GET, hostTenant: 'globex' });
      expect(answer.json).toEqual({
        issuer: 'https://gw.test',
        token_endpoint: 'https://gw.test/oauth/token',
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
        revocation_endpoint: 'https://gw.test/oauth/revoke',
        revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
        introspection_endpoint: 'https://gw.test/oauth/introspect',
        introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        jwks_uri: 'https://gw.test/.well-known/jwks.json',
        grant_types_supported: ['client_credentials', 'password', 'refresh_token'],
        response_types_supported: [],
      });
      for (const [name, value] of Object.entries(answer.json))
        if (name.endsWith('_endpoint'))
          expect(scene().first.endpoints.has(String(value).slice('https://gw.test'.length))).toBe(true);
      expect(answer.field('cache-control')).toBe('public, max-age=300');
    });

    it('describes the resource, which takes tokens in a field alone (RFC 9728)', async () => {
      const answer = await post(scene(), '/.well-known/oauth-protected-resource', {}, GET);
      expect(answer.json).toEqual({
        resource: 'https://gw.test',
        authorization_servers: ['https://gw.test'],
        bearer_methods_supported: ['header'],
      });
    });
  });

  describe('pages of other origins', () => {
    it.each(['/oauth/token', '/oauth/revoke'])('may call %s if a client lists them', async (path) => {
      const listed = await preflight(path, 'https://app.example');
      expect(listed.status).toBe(204);
      expect(listed.field('access-control-allow-origin')).toBe('https://app.example');
      expect(listed.field('access-control-allow-credentials')).toBeUndefined();
      const other = await preflight(path, 'https://evil.example');
      expect(other.field('access-control-allow-origin')).toBeUndefined();
      expect(other.field('vary')).toBe('Origin');
    });

    it('may read answers and refusals if a client lists them, and nobody else may', async () => {
      const phone = { ...ANNA, tenant: 'acme', client_id: 'phone' };
      const fields = { origin: 'https://app.example' };
      const answer = await post(scene(), '/oauth/token', phone, { fields });
      expect(tokenOf(answer)).toMatch(/^gha_/);
      expect(answer.field('access-control-allow-origin')).toBe('https://app.example');
      const wrong = await post(scene(), '/oauth/token', { ...phone, password: 'x' }, { fields });
      expect(wrong.field('access-control-allow-origin')).toBe('https://app.example');
      const evil = await post(scene(), '/oauth/token', phone, { fields: { origin: 'https://evil.example' } });
      expect(evil.field('access-control-allow-origin')).toBeUndefined();
    });

    it('may never call introspection', () => {
      expect(scene().first.endpoints.get('/oauth/introspect')?.methods).toEqual(['POST']);
    });
  });
});

describe('metadata of an issuer with a path', () => {
  const settings = configSchema((text) => ok(text)).parse({
    publicUrl: 'https://gw.test/one/',
    tokens: { path: '/auth' },
    upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
    routes: [{ id: 'api', match: { path: '/api' }, public: true, upstream: 'api' }],
  });

  it('O21: keeps the issuer letter by letter and is found under its path too (RFC 8414 §3.1)', async () => {
    const endpoints = createMetadata(settings, 'https://gw.test/one/');
    const endpoint = endpoints.get(`${SERVER}/one`);
    expect(endpoint).toBe(endpoints.get(SERVER));
    const document = JSON.parse(String((await endpoint?.answer(undefined as never))?.body)) as object;
    expect(document).toMatchObject({
      issuer: 'https://gw.test/one/',
      token_endpoint: 'https://gw.test/one/auth/token',
      grant_types_supported: ['client_credentials'],
    });
  });
});
