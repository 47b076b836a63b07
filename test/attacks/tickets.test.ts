import { describe, expect, it } from 'vitest';
import { bearer, memberOf, onBothStores } from '../support/attacked-users.ts';
import { MEANT } from '../support/users-scene.ts';

const WIDTH = 50;
const ROUNDS = 20;
const USED = 'credential_invalid: the ticket is unknown or used';

onBothStores((scene) => {
  async function ticketFor(field: string): Promise<string> {
    return memberOf(await scene.send('POST /session/ticket', { fields: [...MEANT, field] }), 'ticket');
  }
  const echo = (query: string, options = {}) => scene.send(`GET /api/echo/x?${query}`, options);

  describe('W09 somebody who has seen a ticket in a log', () => {
    it('finds it used, on every replica', async () => {
      const ticket = await ticketFor(await scene.session());
      scene.forget();
      await scene.expectAdmitted(await echo(`a=1&ticket=${ticket}&b`), 200, ['GET /api/echo/x?a=1&b']);
      await scene.expectRefused(await echo(`ticket=${ticket}`), '401 credential_invalid', USED);
      await scene.expectRefused(
        await echo(`ticket=${ticket}`, { on: scene.last }),
        '401 credential_invalid',
        USED,
      );
    });

    it('and 49 others use it at once over all replicas: one gets through, 20 times', {
      timeout: 60_000,
    }, async () => {
      const cookie = await scene.session();
      for (let round = 0; round < ROUNDS; round += 1) {
        const ticket = await ticketFor(cookie);
        scene.forget();
        const answers = await Promise.all(
          Array.from({ length: WIDTH }, (_, at) =>
            echo(`ticket=${ticket}`, { on: scene.gateways[at % scene.gateways.length] }),
          ),
        );
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
        expect(answers.filter(({ status }) => status === 401)).toHaveLength(WIDTH - 1);
        expect(scene.received()).toEqual(['GET /api/echo/x']);
      }
      await scene.expectAlive();
    });

    it('finds it expired after 30 s, and dead with its session', async () => {
      const cookie = await scene.session();
      const [late, dead] = [await ticketFor(cookie), await ticketFor(await scene.session())];
      await scene.travel(30_001);
      scene.forget();
      const answer = await echo(`ticket=${late}`);
      // A store may have forgotten it by then.
      await scene.expectRefused(
        answer,
        answer.body.includes('expired') ? '401 credential_expired' : '401 credential_invalid',
        /ticket/,
      );
      expect((await echo(`ticket=${dead}`)).status).toBe(401);
    });

    it('uses it after its owner has logged out: nothing', async () => {
      const cookie = await scene.session();
      const ticket = await ticketFor(cookie);
      await scene.send('DELETE /session', { fields: [...MEANT, cookie] });
      scene.forget();
      await scene.expectRefused(
        await echo(`ticket=${ticket}`, { on: scene.last }),
        '401 credential_revoked',
        /^credential_revoked: session \w{16} of ticket \w{16} has ended$/,
      );
    });

    it.each(['globex.gw.test', 'gw.test', 'other.test'])(
      'uses it on %s: nothing, and it is used up',
      async (host) => {
        const ticket = await ticketFor(await scene.session());
        scene.forget();
        await scene.expectRefused(
          await echo(`ticket=${ticket}`, { host }),
          '403 tenant_mismatch',
          /^tenant_mismatch: /,
        );
        await scene.expectRefused(await echo(`ticket=${ticket}`), '401 credential_invalid', USED);
      },
    );

    it('uses it where tickets are not accepted, or for another: nothing', async () => {
      const cookie = await scene.session();
      const ticket = await ticketFor(cookie);
      scene.forget();
      const elsewhere = await scene.send(`GET /api/me?ticket=${ticket}`);
      await scene.expectRefused(
        elsewhere,
        '401 credential_invalid',
        /^credential_invalid: ticket is not accepted/,
      );
      for (const line of ['GET /session', 'POST /session/ticket', 'POST /session/refresh']) {
        const answer = await scene.send(`${line}?ticket=${ticket}`, { fields: MEANT });
        await scene.expectRefused(answer, '401 credential_missing', /^credential_missing: /);
      }
    });

    it('sends it in other places or other spellings: nothing', async () => {
      const cookie = await scene.session();
      const ticket = await ticketFor(cookie);
      scene.forget();
      for (const fields of [
        [bearer(ticket)],
        [`Cookie: __Host-gatehouse=${ticket}`],
        [`Cookie: ticket=${ticket}`],
        [`Ticket: ${ticket}`],
      ])
        expect((await scene.send('GET /api/echo/x', { fields })).status).toBe(401);
      for (const query of [
        `Ticket=${ticket}`,
        `ticket=${ticket}x`,
        `ticket=${ticket.slice(0, -1)}`,
        `ticket=${ticket.replace('ght_', 'ght%5F')}`,
        `%74icket=${ticket}`,
        `ticket[]=${ticket}`,
        `ticket=${ticket.toUpperCase()}`,
        `a=ticket=${ticket}`,
      ])
        expect((await echo(query)).status).toBe(401);
      expect(scene.received()).toEqual([]);
      await scene.expectAdmitted(await echo(`ticket=${ticket}`), 200, ['GET /api/echo/x']);
    });

    it('adds a second one, or another credential: ambiguous', async () => {
      const cookie = await scene.session();
      const [one, two] = [await ticketFor(cookie), await ticketFor(cookie)];
      scene.forget();
      const answers = [
        await echo(`ticket=${one}&ticket=${two}`),
        await echo(`ticket=${one}&ticket=${one}`),
        await echo(`ticket=${one}`, { fields: [bearer('gha_x')] }),
        await echo(`ticket=${one}`, { fields: ['Authorization: Basic eDp5'] }),
        await echo(`ticket=${one}`, { fields: ['X-API-Key: x'] }),
      ];
      await scene.expectRefused(answers, '400 credential_ambiguous', /^credential_ambiguous: /);
    });

    it('puts it under the page of a visitor, whose browser adds the cookie of another user: ambiguous', async () => {
      const mine = await ticketFor(await scene.session({ username: 'bert', password: 'acme-bert-pw' }));
      const theirs = await scene.session();
      scene.forget();
      const answer = await echo(`ticket=${mine}`, { fields: [theirs] });
      await scene.expectRefused(answer, '400 credential_ambiguous', /^credential_ambiguous: /);
    });

    it('asks for one with a credential that may have none: nothing', async () => {
      const { refresh } = await scene.tokens();
      scene.forget();
      const answers = [
        await scene.send('POST /session/ticket', { fields: [...MEANT, bearer(refresh)] }),
        await scene.send('POST /session/ticket', { fields: [...MEANT, bearer('gha_x')] }),
        await scene.send('POST /session/ticket', { fields: [...MEANT, 'Authorization: Basic eDp5'] }),
      ];
      await scene.expectRefused(answers, '401 credential_invalid', /^credential_invalid: /);
      const asked = await scene.send('POST /session/ticket', { fields: MEANT });
      await scene.expectRefused(asked, '401 credential_missing', 'credential_missing: no session cookie');
    });
  });
});
