import { describe, expect, it } from 'vitest';
import { bearer, memberOf, onBothStores, refreshWith } from '../support/attacked-users.ts';
import { eventually } from '../support/authentication.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';

onBothStores((scene) => {
  const get = (field: string, on = scene.first) => scene.send('GET /api/me', { fields: [field], on });
  const ticketFor = async (field: string) =>
    memberOf(await scene.send('POST /session/ticket', { fields: [...MEANT, field] }), 'ticket');

  /** Everything that one login gives, used on every replica, so that all of them remember it. */
  async function everything(client: string) {
    const cookie = await scene.session({ client_id: client });
    const tokens = await scene.tokens({ client_id: client });
    for (const on of scene.gateways)
      for (const field of [cookie, bearer(tokens.access)]) expect((await get(field, on)).status).toBe(200);
    return { cookie, tokens, ticket: await ticketFor(cookie) };
  }

  /** Nothing of it is good on any replica any more, at the latest when the change feed has told of it. */
  async function expectDead(all: Awaited<ReturnType<typeof everything>>, client: string): Promise<void> {
    for (const on of scene.gateways) {
      await eventually(async () => (await get(all.cookie, on)).status >= 400, 'a dead session');
      await eventually(async () => (await get(bearer(all.tokens.access), on)).status >= 400, 'a dead token');
      scene.forget();
      const echo = await scene.send(`GET /api/echo/x?ticket=${all.ticket}`, { on });
      expect(echo.status).toBeGreaterThanOrEqual(400);
      const refresh = await scene.post('/oauth/token', refreshWith(all.tokens.refresh, client), { on });
      expect(refresh.status).toBeGreaterThanOrEqual(400);
      for (const line of ['GET /session', 'POST /session/refresh', 'POST /session/ticket'])
        expect(
          (await scene.send(line, { fields: [...MEANT, all.cookie], on })).status,
        ).toBeGreaterThanOrEqual(400);
      expect(scene.received()).toEqual([]);
    }
    await scene.expectAlive();
  }

  const CLIENT = {
    isPublic: true,
    tenants: 'any',
    login: 'legacy',
    browserSession: true,
    grants: ['password', 'refresh_token'],
    scopes: ['orders:read', 'orders:write'],
  };

  async function newClient(id: string): Promise<void> {
    await scene.first.admin('POST', '/v1/clients', { id, ...CLIENT });
    for (const on of scene.gateways)
      await eventually(
        async () => (await scene.post('/oauth/token', refreshWith('ghr_x', id), { on })).status === 400,
        'the client on every replica',
      );
  }

  describe('O23 what somebody still has in hand when', () => {
    it('their client is deleted is refused at the next use, on every replica', {
      timeout: 30_000,
    }, async () => {
      await newClient('deleted-app');
      const all = await everything('deleted-app');
      await scene.first.admin('DELETE', '/v1/clients/deleted-app');
      await expectDead(all, 'deleted-app');
    });

    it('their client is revoked is refused at the next use, on every replica', {
      timeout: 30_000,
    }, async () => {
      await newClient('revoked-app');
      const all = await everything('revoked-app');
      await scene.first.admin('POST', '/v1/revocations', {
        target: { kind: 'client', client: 'client:revoked-app' },
      });
      await expectDead(all, 'revoked-app');
    });

    it('their client may not act for their tenant any more is refused', { timeout: 30_000 }, async () => {
      await newClient('moved-app');
      const all = await everything('moved-app');
      await scene.first.admin('PATCH', '/v1/clients/moved-app', { tenants: ['globex'] });
      await expectDead(all, 'moved-app');
    });

    it('they themselves are revoked is refused, and a new login too', { timeout: 30_000 }, async () => {
      const all = await everything('acme-app');
      const { sessions } = await scene.first.admin<{ sessions: { subject: string }[] }>(
        'GET',
        '/v1/sessions?client=client:acme-app',
      );
      const subject = sessions[0]?.subject ?? '';
      expect(subject).toBe('user:legacy:acme:17');
      await scene.first.admin('POST', '/v1/revocations', { target: { kind: 'subject', subject } });
      await expectDead(all, 'acme-app');
      const { revocations } = await scene.first.admin<{ revocations: { id: string; target: unknown }[] }>(
        'GET',
        '/v1/revocations',
      );
      expect(JSON.stringify(revocations)).toContain(subject);
    });
  });

  describe('O23 an old client whose', () => {
    const body = { company: 'acme', user: 'bert', password: 'acme-bert-pw' };
    async function legacySession() {
      const { key, id } = await scene.first.issueKey('acme');
      const login = await scene.send('POST /api/login', { body, fields: [`X-API-Key: ${key}`] });
      const cookie = `Cookie: auth=${cookieOf(login, 'auth')}`;
      for (const on of scene.gateways) expect((await get(cookie, on)).status).toBe(200);
      return { key, id, cookie };
    }

    it('key is revoked has lost its session too, with the key and without, and logs in no more', async () => {
      const { key, id, cookie } = await legacySession();
      await scene.first.admin('POST', `/v1/keys/${id}/revoke`, {});
      for (const on of scene.gateways) {
        await eventually(async () => (await get(cookie, on)).status === 401, 'a dead session');
        scene.forget();
        const both = await scene.send('GET /api/me', { fields: [cookie, `X-API-Key: ${key}`], on });
        await scene.expectRefused(both, '401 credential_revoked', /^credential_revoked: /);
        const login = await scene.send('POST /api/login', { body, fields: [`X-API-Key: ${key}`], on });
        await scene.expectRefused(login, '401 credential_revoked', /^credential_revoked: /);
      }
    });

    it('user or session is ended by an administrator is refused on every replica, and may log in anew', async () => {
      const { cookie } = await legacySession();
      await scene.last.admin('POST', '/v1/sessions/end', { subject: 'user:legacy:acme:18' });
      for (const on of scene.gateways) {
        await eventually(async () => (await get(cookie, on)).status === 401, 'a dead session');
        scene.forget();
        await scene.expectRefused(await get(cookie, on), '401 credential_invalid', /^credential_invalid: /);
      }
      expect((await get((await legacySession()).cookie)).status).toBe(200);
    });
  });

  describe('O23 a client that may do less than when its users logged in', () => {
    it('has lost the scope in sessions, tokens and tickets alike', { timeout: 30_000 }, async () => {
      await newClient('lesser-app');
      const cookie = await scene.session({
        client_id: 'lesser-app',
        username: 'bert',
        password: 'acme-bert-pw',
      });
      const tokens = await scene.tokens({
        client_id: 'lesser-app',
        username: 'bert',
        password: 'acme-bert-pw',
      });
      const [ticket, other] = [await ticketFor(cookie), await ticketFor(bearer(tokens.access))];
      await scene.first.admin('PATCH', '/v1/clients/lesser-app', { scopes: ['orders:read'] });
      const statusOf = async (fields: readonly string[], query = '') =>
        (await scene.send(`GET /writers/x${query}`, { fields, on: scene.last })).status;
      await eventually(
        async () => (await statusOf([bearer(tokens.access)])) === 403,
        'a token that may do less',
      );
      await eventually(async () => (await statusOf([cookie])) === 403, 'a session that may do less');
      expect(await statusOf([], `?ticket=${ticket}`)).toBe(403);
      expect(await statusOf([], `?ticket=${other}`)).toBe(403);
    });
  });
});
