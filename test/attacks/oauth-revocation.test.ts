import { describe, expect, it } from 'vitest';
import { basic } from '../support/attacked-clients.ts';
import { bearer, memberOf, onBothStores, PASSWORD_GRANT, refreshWith } from '../support/attacked-users.ts';
import { eventually } from '../support/authentication.ts';

onBothStores((scene) => {
  const me = (token: string, on = scene.first) => scene.send('GET /api/me', { fields: [bearer(token)], on });
  const refresh = (token: string, on = scene.first, client = 'desktop') =>
    scene.post('/oauth/token', refreshWith(token, client), { on });
  const dies = (token: string) =>
    Promise.all(
      scene.gateways.map((on) =>
        eventually(async () => (await me(token, on)).status === 401, 'a dead token'),
      ),
    );

  const revoke = (
    token: string,
    parameters: object = { client_id: 'desktop' },
    fields: readonly string[] = [],
  ) => scene.post('/oauth/revoke', { token, ...parameters }, { fields });

  const introspect = (token: string, as: string) =>
    scene.post('/oauth/introspect', { token }, { fields: [basic(as)], on: scene.last });

  describe('O18 somebody who revokes', () => {
    it('a refresh token takes the access tokens along, whatever the hint says, on every replica', async () => {
      for (const hint of ['access_token', 'refresh_token', 'x']) {
        const tokens = await scene.tokens();
        for (const on of scene.gateways) expect((await me(tokens.access, on)).status).toBe(200);
        scene.forget();
        await scene.expectAdmitted(
          await revoke(tokens.refresh, { client_id: 'desktop', token_type_hint: hint }),
          200,
        );
        await dies(tokens.access);
        expect((await refresh(tokens.refresh, scene.last)).status).toBe(400);
      }
    });

    it("another client's tokens, or what there is not, is told 200, and has done nothing", async () => {
      const tokens = await scene.tokens();
      for (const token of [tokens.access, tokens.refresh, 'x', 'gha_x', 'ghr_x', `${tokens.refresh}x`]) {
        expect((await revoke(token, { client_id: 'phone' })).status).toBe(200);
        expect((await revoke(token, {}, [basic('old-erp')])).status).toBe(200);
      }
      expect((await me(tokens.access)).status).toBe(200);
      expect((await refresh(tokens.refresh)).status).toBe(200);
    });

    it('without saying which client it is, is refused', async () => {
      const tokens = await scene.tokens();
      scene.forget();
      await scene.expectRefused(
        await revoke(tokens.refresh, {}),
        '401 invalid_client',
        /^credential_missing: /,
      );
      expect((await refresh(tokens.refresh)).status).toBe(200);
    });
  });

  describe('O19 somebody who introspects', () => {
    it('without being a confidential client is refused', async () => {
      const { access } = await scene.tokens();
      scene.forget();
      const answers = [
        await scene.post('/oauth/introspect', { token: access, client_id: 'desktop' }),
        await scene.post('/oauth/introspect', { token: access }),
        await scene.post('/oauth/introspect', { token: access }, { fields: [bearer(access)] }),
      ];
      await scene.expectRefused(answers, '401 invalid_client', /^credential_/);
    });

    it('learns nothing of tokens of another tenant, revoked, ended or of other kinds, but that they are inactive', async () => {
      const tokens = await scene.tokens();
      const revoked = await scene.tokens();
      await scene.post('/oauth/revoke', { token: revoked.refresh, client_id: 'desktop' });
      const cookie = (await scene.session()).split('=')[1] ?? '';
      expect(JSON.parse((await introspect(tokens.access, 'api-acme')).body.toString())).toMatchObject({
        active: true,
        tenant: 'acme',
        sub: 'user:legacy:acme:17',
      });
      for (const [token, as] of [
        [tokens.access, 'api-globex'],
        [revoked.access, 'api-acme'],
        [tokens.refresh, 'api-acme'],
        [cookie, 'api-acme'],
        ['x', 'api-acme'],
      ] as const)
        expect((await introspect(token, as)).body.toString().trim()).toBe('{"active":false}');
      await scene.travel(11 * 60_000);
      expect((await introspect(tokens.access, 'api-acme')).body.toString().trim()).toBe('{"active":false}');
      await scene.expectAlive();
    });
  });

  describe('O20 a revoked token that every replica remembers', () => {
    it.each(['opaque', 'jwt'])(
      '(%s) is refused at once where it was revoked, and within 2 s everywhere',
      async (form) => {
        const client = form === 'jwt' ? 'jwt-erp' : 'erp';
        const issued = await scene.post(
          '/oauth/token',
          { grant_type: 'client_credentials' },
          { fields: [basic(client)] },
        );
        const access = memberOf(issued, 'access_token');
        const get = (on = scene.first) => scene.send('GET /keys/x', { fields: [bearer(access)], on });
        for (const on of scene.gateways) for (const _ of [1, 2]) expect((await get(on)).status).toBe(200);
        await scene.post('/oauth/revoke', { token: access }, { fields: [basic(client)] });
        const revokedAt = performance.now();
        scene.forget();
        expect((await get()).status).toBe(401);
        await eventually(async () => (await get(scene.last)).status === 401, 'the end everywhere');
        expect(performance.now() - revokedAt).toBeLessThan(2000);
        scene.forget();
        await scene.expectRefused(await get(scene.last), '401 credential_revoked', /^credential_/);
      },
    );
  });

  describe('O25 somebody of one tenant who wants to act for another', () => {
    it.each([
      ['a client of acme', { client_id: 'acme-app', tenant: 'globex' }, 'gw.test'],
      ['a client of acme on the host of globex', { client_id: 'acme-app' }, 'globex.gw.test'],
      ['a user of acme on the host of globex', { tenant: 'acme' }, 'globex.gw.test'],
      ['a tenant that there is not', { tenant: 'nobody' }, 'gw.test'],
      ['a name of an object', { tenant: '__proto__' }, 'gw.test'],
      ['a name of a method', { tenant: 'constructor' }, 'gw.test'],
      ['two tenants', { tenant: 'acme,globex' }, 'gw.test'],
      ['a path', { tenant: '../globex' }, 'gw.test'],
      ['a line end', { tenant: 'acme\r\nX-User: root' }, 'gw.test'],
      ['10 kB', { tenant: 'x'.repeat(10_000) }, 'gw.test'],
    ])('(%s) gets no token, and the upstream is not asked', async (_, parameters, host) => {
      const answer = await scene.post('/oauth/token', { ...PASSWORD_GRANT, ...parameters }, { host });
      await scene.expectRefused(answer, '400 invalid_grant', /^tenant_mismatch: /);
    });

    it('takes a refresh token to another host, or names another tenant: nothing, and it stays good', async () => {
      const { refresh: token } = await scene.tokens();
      scene.forget();
      const answers = [
        await scene.post('/oauth/token', refreshWith(token), { host: 'globex.gw.test' }),
        await scene.post('/oauth/token', { ...refreshWith(token), tenant: 'globex' }, { host: 'gw.test' }),
        await scene.post('/oauth/token', { ...refreshWith(token), tenant: '../acme' }, { host: 'gw.test' }),
      ];
      await scene.expectRefused(answers, '400 invalid_grant', /^tenant_mismatch: /);
      expect((await refresh(token)).status).toBe(200);
    });

    it('takes an access token to another host', async () => {
      const { access } = await scene.tokens();
      scene.forget();
      const answer = await scene.send('GET /api/me', { fields: [bearer(access)], host: 'globex.gw.test' });
      await scene.expectRefused(answer, '403 tenant_mismatch', /^tenant_mismatch: /);
    });
  });
});
