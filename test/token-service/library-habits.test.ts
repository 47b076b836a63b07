import { describe, expect, it } from 'vitest';
import { basicOf, onBothStores } from './scene.ts';
import { createUserCalls, DAY, IN_ACME } from './user-calls.ts';

/** What clients of libraries do, and what they make of an answer: https://pkg.go.dev/golang.org/x/oauth2, https://docs.authlib.org. */
onBothStores((scene) => {
  const { ask, logIn, refresh } = createUserCalls(scene);

  describe('habits of libraries', () => {
    it('a public client by Basic with an empty secret is one without, and no failure', async () => {
      const peer = '203.0.113.9';
      const fields = { authorization: basicOf('phone', '') };
      for (let count = 0; count < 40; count += 1) {
        const answer = await ask({ grant_type: 'refresh_token', refresh_token: '' }, { fields, peer });
        expect(answer.json['error']).toBe('invalid_request');
      }
      expect((await ask(IN_ACME, { fields, peer })).status).toBe(200);
    });

    it('expires_in is never 0, which many take for a token that never expires', async () => {
      const on = await scene().reopen({ tokens: { access: '400ms' } });
      const brief = await ask({ grant_type: 'client_credentials' }, { as: 'erp', on });
      expect(brief.json['expires_in']).toBe(1);
    });

    it('nor is it in the last moment of a session', async () => {
      const on = await scene().reopen({ tokens: { refresh: { absolute: '1d', idle: '1d' } } });
      const first = await logIn({ as: 'old', on });
      scene().now += DAY - 400;
      const last = await refresh(first, { as: 'old', on });
      expect([last.status, last.json['expires_in']]).toEqual([200, 1]);
    });
  });
});
