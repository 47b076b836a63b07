import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { Secret } from '../../src/base/secret.ts';
import { EMPTY_JAR } from '../../src/sessions/jar.ts';
import { MINUTE, NOW, tenantId } from '../contract/fixtures.ts';
import { race } from '../contract/store-adapter.ts';
import { credentialsOf, DAY, HOUR, LIVES, reveal, traded } from './rotation-options.ts';
import { aLogin, aTokenLogin, JAR, onBothStores } from './scene.ts';

describe('sessions', { timeout: 60_000 }, () => {
  onBothStores((scene) => {
    it('are opened by their cookie, with what the login has proven and what is kept of the upstream', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aLogin());
      expect(reveal(begun.cookie)).toMatch(/^ghs_[0-9A-HJKMNP-TV-Z]{16}_[0-9A-Za-z]{32}$/);
      expect(reveal(begun.rotating)).toMatch(/^ghm_[0-9A-HJKMNP-TV-Z]{16}_[0-9A-Za-z]{44}$/);
      const opened = await service.open(new Secret(reveal(begun.cookie)), NOW);
      expect(opened).toEqual({ ok: true, value: { session: begun.session, jar: JAR, jarRevision: 1 } });
      expect(begun.session).toMatchObject({
        user: { id: '4711', name: 'Zoë' },
        profile: { department: 'sales' },
        authenticatedAt: NOW,
        expiresAt: NOW + 30 * MINUTE,
        absoluteEnd: NOW + 12 * HOUR,
        rotation: { idleEnd: NOW + 14 * DAY, absoluteEnd: NOW + 90 * DAY },
        revision: 1,
      });
      const stored = JSON.stringify(await store.find(begun.session.id));
      for (const secret of [reveal(begun.cookie), reveal(begun.rotating), 'kept-value', 'kept-field'])
        expect(stored).not.toContain(secret);
    });

    it('have a cookie or a refresh token, as their front needs it', async () => {
      const { service } = scene();
      const { rotation: _, ...notRemembered } = aLogin();
      const browser = await service.begin(notRemembered);
      expect(browser.rotating).toBeUndefined();
      expect(browser.session).not.toHaveProperty('rotation');
      const token = await service.begin(aTokenLogin());
      expect(token.cookie).toBeUndefined();
      expect(token.session).not.toHaveProperty('cookieDigest');
      expect(reveal(token.rotating)).toMatch(/^ghr_/);
      expect(token.session.absoluteEnd).toBe(NOW + 90 * DAY);
      expect(token.session.expiresAt).toBe(NOW + 90 * DAY);
      const withoutRefresh = await service.begin({ ...notRemembered, kind: 'token' });
      expect(withoutRefresh.session).toMatchObject({
        expiresAt: NOW + 30 * MINUTE,
        absoluteEnd: NOW + 30 * MINUTE,
      });
    });

    it('are not opened by whatever was not given out', async () => {
      const { service } = scene();
      const begun = await service.begin(aLogin());
      const cookie = reveal(begun.cookie);
      const other = reveal((await service.begin(aLogin())).cookie);
      const wrongSecret = begun.session.id + other.slice(20);
      const last = cookie.endsWith('a') ? 'b' : 'a';
      const attempts = [
        `ghs_${wrongSecret}`,
        cookie.slice(0, -1) + last,
        cookie.slice(0, -1),
        `${cookie}a`,
        cookie.toUpperCase(),
        ` ${cookie}`,
        `${cookie}\n`,
        cookie.replace('ghs_', 'ghm_'),
        reveal(begun.rotating),
        `ghs_${'0'.repeat(16)}_${'0'.repeat(32)}`,
        begun.session.id,
        '',
      ];
      for (const attempt of attempts)
        expect(await service.open(new Secret(attempt), NOW), attempt).toEqual({
          ok: false,
          error: { kind: 'unknown' },
        });
      expect((await service.open(new Secret(cookie), NOW)).ok).toBe(true);
    });

    it('C06 are over after their life, to the millisecond, and only the holder of the cookie learns it', async () => {
      const { service } = scene();
      const { cookie, session } = await service.begin(aLogin());
      const secret = new Secret(reveal(cookie));
      const end = NOW + 30 * MINUTE;
      expect((await service.open(secret, end - 1)).ok).toBe(true);
      expect(await service.find(session.id, end - 1)).toBeDefined();
      expect(await service.open(secret, end)).toEqual({ ok: false, error: { kind: 'expired', session } });
      expect(await service.find(session.id, end)).toBeUndefined();
      const guessed = new Secret(`${secret.reveal().slice(0, -4)}0000`);
      expect(await service.open(guessed, end)).toEqual({ ok: false, error: { kind: 'unknown' } });
    });

    it('C06 are renewed for as long as asked, never past their absolute end, and not once they are over', async () => {
      const { service } = scene();
      const { cookie, session } = await service.begin(aLogin());
      const secret = new Secret(reveal(cookie));
      let current = session;
      let now = NOW;
      for (let round = 1; round <= 24; round += 1) {
        now += 30 * MINUTE - 1;
        const renewed = await service.renew(current, 30 * MINUTE, now);
        if (renewed === undefined) throw new Error(`not renewed in round ${round}`);
        expect(renewed.expiresAt).toBe(Math.min(now + 30 * MINUTE, NOW + 12 * HOUR));
        current = renewed;
      }
      expect((await service.open(secret, NOW + 12 * HOUR - 1)).ok).toBe(true);
      expect(await service.open(secret, NOW + 12 * HOUR)).toMatchObject({ error: { kind: 'expired' } });
      expect(await service.renew(current, 30 * MINUTE, NOW + 12 * HOUR)).toBeUndefined();
      expect(current.authenticatedAt).toBe(NOW);
    });

    it('are renewed by all who ask at once, also with a record that is no longer the latest', async () => {
      const { service, replica } = scene();
      const { cookie, session } = await service.begin(aLogin());
      const renewed = await race(50, (index) => replica(index).renew(session, 40 * MINUTE, NOW + MINUTE));
      for (const each of renewed) expect(each?.expiresAt).toBe(NOW + 41 * MINUTE);
      expect(await service.open(new Secret(reveal(cookie)), NOW + 40 * MINUTE)).toMatchObject({
        value: { session: { revision: 51 } },
      });
    });

    it('are not renewed by a cookie that was replaced when the remember-me cookie was traded', async () => {
      const { service, store } = scene();
      const { rotating, session } = await service.begin(aLogin());
      await service.rotate(new Secret(reveal(rotating)), LIVES, traded('rememberMe'), NOW);
      expect(await service.renew(session, 60 * MINUTE, NOW)).toBeUndefined();
      expect((await store.find(session.id))?.session.revision).toBe(2);
    });

    it('are gone with everything that was given out for them when they end', async () => {
      const { service } = scene();
      const { cookie, rotating, session } = await service.begin(aLogin());
      expect(await service.end(session.id)).toBe(true);
      expect(await service.end(session.id)).toBe(false);
      expect(await service.open(new Secret(reveal(cookie)), NOW)).toEqual({
        ok: false,
        error: { kind: 'unknown' },
      });
      const refused = await service.rotate(new Secret(reveal(rotating)), LIVES, traded('rememberMe'), NOW);
      expect(refused).toEqual({ ok: false, error: { kind: 'unknown' } });
      expect(await service.renew(session, MINUTE, NOW)).toBeUndefined();
      expect(await service.switchTenant(session, tenantId('globex'), EMPTY_JAR, NOW)).toEqual({
        ok: false,
        error: 'absent',
      });
      expect(await service.keepCookies(session.id, [])).toBeUndefined();
    });

    it('C03 have an id and credentials of their own after each login, whatever was presented before', async () => {
      const { service } = scene();
      const attackers = await service.begin(aLogin({ subject: 'user:staff:acme:attacker' }));
      const victims = await service.begin(aLogin());
      expect(victims.session.id).not.toBe(attackers.session.id);
      const cookies = await Promise.all(
        [attackers, victims].map((each) => service.open(new Secret(reveal(each.cookie)), NOW)),
      );
      expect(cookies.map((opened) => opened.ok && opened.value.session.subject)).toEqual([
        'user:staff:acme:attacker',
        'user:staff:acme:4711',
      ]);
    });

    it('C03 change id and all credentials when the tenant is switched, and the old ones are dead', async () => {
      const { service, store } = scene();
      const before = await service.begin(aLogin());
      const jar = { ...EMPTY_JAR, fields: [{ upstream: 'api', name: 'x-tenant', value: 'globex' }] };
      const switched = await service.switchTenant(before.session, tenantId('globex'), jar, NOW + MINUTE);
      if (!switched.ok) throw new Error(switched.error);
      const after = switched.value;
      expect(after.session).toEqual({
        ...before.session,
        id: after.session.id,
        tenant: 'globex',
        cookieDigest: after.session.cookieDigest,
        rotation: {
          ...after.session.rotation,
          idleEnd: before.session.rotation?.idleEnd,
          absoluteEnd: before.session.rotation?.absoluteEnd,
        },
      });
      expect(after.session.id).not.toBe(before.session.id);
      expect(after.session.rotation?.familyDigest).not.toBe(before.session.rotation?.familyDigest);
      expect(await store.find(before.session.id)).toBeUndefined();
      const unknown = { ok: false, error: { kind: 'unknown' } };
      expect(await service.open(new Secret(reveal(before.cookie)), NOW)).toEqual(unknown);
      expect(
        await service.rotate(new Secret(reveal(before.rotating)), LIVES, traded('rememberMe'), NOW),
      ).toEqual(unknown);
      expect(await service.open(new Secret(reveal(after.cookie)), NOW)).toMatchObject({ value: { jar } });
      const { ok: isTraded } = await service.rotate(
        new Secret(reveal(after.rotating)),
        LIVES,
        traded('rememberMe'),
        NOW,
      );
      expect(isTraded).toBe(true);
    });

    it('are switched once by 50 who ask at the same time, and only to a tenant of their own', async () => {
      const { service, replica } = scene();
      for (let round = 0; round < 20; round += 1) {
        const subject = `user:staff:acme:${round}`;
        const { session } = await service.begin(aLogin({ subject }));
        const outcomes = await race(50, (index) =>
          replica(index).switchTenant(session, tenantId('globex'), JAR, NOW),
        );
        expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
        expect(await service.list({ subject, limit: 9 })).toHaveLength(1);
      }
      const { session } = await service.begin(aLogin());
      await expect(service.switchTenant(session, tenantId('initech'), JAR, NOW)).rejects.toThrow(RangeError);
      expect(await service.find(session.id, NOW)).toBeDefined();
      expect(await service.switchTenant(session, tenantId('globex'), JAR, NOW + 30 * MINUTE)).toEqual({
        ok: false,
        error: 'absent',
      });
    });

    it('are limited per user: the oldest end, and those of others stay', async () => {
      const set = scene();
      const others = await set.service.begin(aLogin({ subject: 'user:staff:acme:other' }));
      const begun = [];
      for (let index = 0; index < 7; index += 1) {
        set.clock = NOW + index;
        begun.push(await set.service.begin(aLogin({ perUser: 3 })));
      }
      const opened = await Promise.all(
        begun.map(({ cookie }) => set.service.open(new Secret(reveal(cookie)), NOW)),
      );
      expect(opened.map(({ ok }) => ok)).toEqual([false, false, false, false, true, true, true]);
      expect((await set.service.open(new Secret(reveal(others.cookie)), NOW)).ok).toBe(true);
    });

    it('are as many as allowed after 50 logins of one user at once', async () => {
      const { service, replica } = scene();
      for (let round = 0; round < 20; round += 1) {
        const subject = `user:staff:acme:${round}`;
        await race(50, (index) => replica(index).begin(aLogin({ subject, perUser: 3 })));
        expect(await service.list({ subject, limit: 99 })).toHaveLength(3);
      }
    });

    it('whose jar cannot be opened are an outage, told in the log without a secret, never an empty jar', async () => {
      const { service, serviceWith, store, logLines } = scene();
      const [one, other] = [await service.begin(aLogin()), await service.begin(aLogin())];
      const cookie = new Secret(reveal(one.cookie));
      const id = one.session.id;
      const stranger = serviceWith([{ id: 'new', key: createSecretKey(randomBytes(32)) }]);
      for (const attempt of [
        stranger.open(cookie, NOW),
        stranger.find(id, NOW),
        stranger.keepCookies(id, []),
      ]) {
        const error: unknown = await attempt.catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(StoreUnavailable);
        expect(String(error)).toContain(
          `session ${id} was sealed with the encryption key test, which is not there`,
        );
      }
      // The jar of another session is none of this one's.
      const moved = (await store.find(other.session.id))?.jar;
      if (moved === undefined) throw new Error('there is no jar');
      expect(await store.saveJar(id, { ...moved, revision: 2 }, 1)).toBe('saved');
      await expect(service.open(cookie, NOW)).rejects.toThrow(StoreUnavailable);
      expect(logLines).toHaveLength(4);
      for (const secret of [cookie.reveal(), 'kept-value', 'kept-field'])
        expect(logLines.join('')).not.toContain(secret);
    });

    it('are listed without any credential', async () => {
      const { service } = scene();
      const begun = await service.begin(aLogin());
      const listed = await service.list({ subject: 'user:staff:acme:4711', limit: 10 });
      expect(listed).toEqual([begun.session]);
      const { rotating, cookie } = credentialsOf(begun);
      expect(JSON.stringify([listed, begun])).not.toContain(rotating);
      expect(JSON.stringify([listed, begun])).not.toContain(cookie);
    });
  });
});
