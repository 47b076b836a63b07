import { describe, expect, it } from 'vitest';
import { basic } from '../support/attacked-clients.ts';
import { bearer, onBothStores, PASSWORD_GRANT, refreshWith, tokensOf } from '../support/attacked-users.ts';

const OWN = { grant_type: 'client_credentials' } as const;

onBothStores((scene) => {
  it('O17 no answer of the token service may be kept by a cache, and each is JSON that tells of no stack', async () => {
    const tokens = await scene.tokens();
    const answers = [
      await scene.post('/oauth/token', OWN, { fields: [basic('erp')] }),
      await scene.post('/oauth/token', PASSWORD_GRANT),
      await scene.post('/oauth/token', { ...PASSWORD_GRANT, password: 'wrong' }),
      await scene.post('/oauth/token', refreshWith(tokens.refresh)),
      await scene.post('/oauth/token', refreshWith('ghr_x')),
      await scene.post('/oauth/token', 'x'),
      await scene.post('/oauth/introspect', { token: tokens.access }, { fields: [basic('api-acme')] }),
      await scene.post('/oauth/introspect', { token: 'x' }, { fields: [basic('api-acme', 'x')] }),
      await scene.post('/oauth/revoke', { token: tokens.access, client_id: 'desktop' }),
      await scene.post('/oauth/revoke', { client_id: 'desktop' }),
    ];
    for (const answer of answers) {
      expect(answer.field('cache-control')).toBe('no-store');
      expect(answer.field('pragma')).toBe('no-cache');
      expect(answer.field('content-type')).toBe('application/json');
      expect(answer.body.toString()).not.toMatch(/\.ts|\bat \w+ \(|node:|stack/);
    }
    await scene.expectAlive();
  });

  describe('O21 whoever asks on a host of their own choice', () => {
    it('finds the configured issuer in the metadata, letter by letter', async () => {
      for (const host of ['acme.gw.test', 'evil.test', 'gw.test:8443'])
        for (const path of ['oauth-authorization-server', 'oauth-protected-resource']) {
          const answer = await scene.send(`GET /.well-known/${path}`, {
            host,
            fields: ['X-Forwarded-Host: evil.test', 'Forwarded: host=evil.test'],
          });
          expect(answer.status).toBe(200);
          const text = answer.body.toString();
          expect(text).toMatch(/"(issuer|resource)":"https:\/\/gw\.test"/);
          expect(text).not.toMatch(/evil|8443|authorization_endpoint/);
        }
      await scene.expectAlive();
    });
  });

  it('O26 the published keys hold nothing private, and verify the tokens that were given out', async () => {
    const { access } = tokensOf(await scene.post('/oauth/token', OWN, { fields: [basic('jwt-erp')] }));
    const answer = await scene.send('GET /.well-known/jwks.json', { on: scene.last });
    const { keys } = JSON.parse(answer.body.toString()) as { keys: Record<string, unknown>[] };
    expect(answer.status).toBe(200);
    expect(answer.field('cache-control')).toMatch(/max-age=\d+/);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', alg: expect.any(String), kid: expect.any(String) });
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'])
        expect(key).not.toHaveProperty(member);
    }
    const header = JSON.parse(Buffer.from(access.split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    };
    expect(keys.map(({ kid }) => kid)).toContain(header.kid);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    expect((await scene.send('GET /keys/x', { fields: [bearer(access)], on: scene.last })).status).toBe(200);
  });
});
