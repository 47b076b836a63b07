import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOfSession, type Rotation, type Session, type SessionId } from '../../src/sessions/session.ts';
import type { SessionFilter } from '../../src/sessions/session-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { aSession, MINUTE, NOW, sessionId, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

const HOUR = 60 * MINUTE;

const ROTATION: Rotation = {
  familyDigest: 'fa'.repeat(32),
  currentDigest: 'c0'.repeat(32),
  previous: { digest: 'b0'.repeat(32), rotatedAt: NOW + 0.5, sealedAnswer: 'sealed answer' },
  idleEnd: NOW + 2 * HOUR,
  absoluteEnd: NOW + 100 * HOUR,
};

const EVERY_MEMBER = aSession('MAX', {
  kind: 'legacy',
  user: { id: '17', name: 'Zoë "the boss"' },
  tenants: [tenantId('acme'), tenantId('globex')],
  roles: ['admin', 'clerk, senior'],
  scopes: ['b', 'a'],
  profile: { email: 'zoë@example.com', quota: 1.5, flags: [true, null, { deep: [] }], m: 'x' },
  client: 'key:8K2M9QXT',
  clientId: '8K2M9QXT',
  host: 'acme.example.com:8443',
  peer: '2001:db8::1',
  agent: 'curl/8 \u{1F980} \ud800',
  authenticatedAt: NOW + 0.25,
  expiresAt: NOW + MINUTE + 0.5,
  cookieDigest: 'c1'.repeat(32),
  rotation: ROTATION,
});

/** Any UTF-16, and what separates, escapes or ends texts more often than chance would bring it. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom(':', '%', '\0', ' ', '\ud800', '\udc00', 'a'),
  ),
  maxLength: 5,
});

function next(session: Session, members: Partial<Session> = {}): Session {
  return { ...session, ...members, revision: session.revision + 1 };
}

async function createAll(stores: Stores, sessions: readonly Session[]): Promise<void> {
  const outcomes = await Promise.all(sessions.map((session) => stores.sessions.create(session, undefined)));
  expect(new Set(outcomes)).toEqual(new Set(['created']));
}

/** Ids of all pages, each of `limit`, one after the other. */
async function readPages(stores: Stores, filter: Omit<SessionFilter, 'limit'>, limit: number) {
  const pages: (readonly SessionId[])[] = [];
  let after: SessionId | undefined;
  do {
    const page = await stores.sessions.list({ ...filter, limit, ...(after !== undefined && { after }) });
    pages.push(page.map(({ id }) => id));
    after = page.at(-1)?.id;
  } while (after !== undefined);
  return pages;
}

export function sessionStoreContract(adapter: StoreAdapter): void {
  describe(`sessions in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it.each<[string, Session]>([
      ['the least members', aSession('MIN')],
      ['every member', EVERY_MEMBER],
      ['a rotation that has not been used', aSession('ROT', { rotation: withoutPrevious(ROTATION) })],
    ])('a session with %s is found as it was given, with its jar or without', async (_, session) => {
      const other = { ...session, id: sessionId('WITH') };
      const jar = { sealed: 'a jar: sealed', revision: 1 };
      expect(await stores().sessions.create(session, undefined)).toBe('created');
      expect(await stores().sessions.create(other, jar)).toBe('created');
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session, jar: undefined });
      expect(await stores().sessions.find(other.id)).toStrictEqual({ session: other, jar });
      expect(await stores().sessions.list({ limit: 9 })).toStrictEqual([session, other]);
    });

    it('an unknown session is undefined, and nothing can be done with it', async () => {
      const changes = recordChanges(stores());
      const session = aSession('GHOST');
      expect(await stores().sessions.find(session.id)).toBeUndefined();
      expect(await stores().sessions.replace(next(session), 1)).toBe('absent');
      expect(await stores().sessions.supersede(session.id, 1, aSession('NEW'), undefined)).toBe('absent');
      expect(await stores().sessions.saveJar(session.id, { sealed: 'x', revision: 1 }, 0)).toBe('absent');
      expect(await stores().sessions.end(session.id)).toBe(false);
      expect(await stores().sessions.list({ limit: 9 })).toEqual([]);
      expect(changes).toEqual([]);
    });

    it('an id clashes, and the session that was there stays with its jar', async () => {
      const session = aSession('TAKEN');
      const jar = { sealed: 'first', revision: 1 };
      await stores().sessions.create(session, jar);
      const second = aSession('TAKEN', { subject: 'user:main:acme:second' });
      expect(await stores().sessions.create(second, { sealed: 'second', revision: 1 })).toBe('clash');
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session, jar });
      expect(await stores().sessions.list({ subject: second.subject, limit: 9 })).toEqual([]);
    });

    it('of 50 creations of one id at once, exactly one wins', async () => {
      const outcomes = await race(50, (index) =>
        stores().sessions.create(aSession('RACE', { peer: `192.0.2.${index}` }), undefined),
      );
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    });

    it('a creation is not announced; every other change is, and only when it was made', async () => {
      const changes = recordChanges(stores());
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      await stores().sessions.create(session, undefined);
      expect(changes).toEqual([]);
      const renewed = next(session, { expiresAt: NOW + HOUR });
      const steps: readonly [step: () => Promise<unknown>, outcome: unknown, announced?: string][] = [
        [() => stores().sessions.replace(renewed, 1), 'replaced', 'ONE'],
        [() => stores().sessions.replace(renewed, 1), 'stale'],
        [() => stores().sessions.saveJar(session.id, { sealed: 'j', revision: 1 }, 0), 'saved', 'ONE'],
        [() => stores().sessions.saveJar(session.id, { sealed: 'j', revision: 1 }, 0), 'stale'],
        [() => stores().sessions.supersede(session.id, 1, aSession('TWO'), undefined), 'stale'],
        [() => stores().sessions.supersede(session.id, 2, aSession('TWO'), undefined), 'superseded', 'ONE'],
        [() => stores().sessions.end(session.id), false],
        [() => stores().sessions.end(sessionId('TWO')), true, 'TWO'],
        [() => stores().sessions.create(aSession('THREE'), undefined), 'created'],
        [() => stores().sessions.prune(NOW + 1000 * HOUR), 1],
      ];
      for (const [step, outcome, announced] of steps) {
        const before = changes.length;
        expect(await step()).toBe(outcome);
        expect(changes.slice(before)).toEqual(
          announced === undefined ? [] : [{ kind: 'sessionChanged', id: sessionId(announced) }],
        );
      }
    });

    it('a replaced session is the new one, and its jar stays', async () => {
      const session = aSession('ONE', { rotation: ROTATION });
      const jar = { sealed: 'kept', revision: 7 };
      await stores().sessions.create(session, jar);
      const { rotation: _rotation, ...rest } = session;
      const replaced = next(rest, { roles: ['other'], expiresAt: NOW + HOUR });
      expect(await stores().sessions.replace(replaced, 1)).toBe('replaced');
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session: replaced, jar });
    });

    it('of two replacements of one revision, one wins and the other is stale', async () => {
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      const outcomes = await race(2, (index) =>
        stores().sessions.replace(next(session, { agent: `racer ${index}` }), 1),
      );
      expect(outcomes.toSorted()).toEqual(['replaced', 'stale']);
      const stored = await stores().sessions.find(session.id);
      expect(stored?.session).toMatchObject({
        agent: `racer ${outcomes.indexOf('replaced')}`,
        revision: 2,
      });
    });

    it('of many who replace, supersede and end one session at once, no two win the same revision', async () => {
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      const outcomes = await race(30, async (index) => {
        if (index % 3 === 0) return stores().sessions.replace(next(session), 1);
        const successor = aSession(`S${index}`);
        return stores().sessions.supersede(session.id, 1, successor, undefined);
      });
      expect(outcomes.filter((outcome) => outcome === 'replaced' || outcome === 'superseded')).toHaveLength(
        1,
      );
      const ends = await race(20, () => stores().sessions.end(session.id));
      const hasBeenSuperseded = outcomes.includes('superseded');
      expect(ends.filter(Boolean)).toHaveLength(hasBeenSuperseded ? 0 : 1);
      expect(await stores().sessions.list({ limit: 99 })).toHaveLength(hasBeenSuperseded ? 1 : 0);
    });

    it('a superseded session is gone with its jar, and the successor is there with its own', async () => {
      const old = aSession('OLD', { rotation: ROTATION });
      const successor = aSession('NEW', { tenant: tenantId('globex'), tenants: [tenantId('globex')] });
      const jar = { sealed: 'new jar', revision: 1 };
      await stores().sessions.create(old, { sealed: 'old jar', revision: 3 });
      expect(await stores().sessions.supersede(old.id, 1, successor, jar)).toBe('superseded');
      expect(await stores().sessions.find(old.id)).toBeUndefined();
      expect(await stores().sessions.find(successor.id)).toStrictEqual({ session: successor, jar });
      expect(await stores().sessions.list({ tenant: old.tenant, limit: 9 })).toEqual([]);
      expect(await stores().sessions.list({ subject: old.subject, limit: 9 })).toEqual([successor]);
      expect(await stores().sessions.list({ tenant: tenantId('globex'), limit: 9 })).toEqual([successor]);
      expect(await stores().sessions.saveJar(old.id, { sealed: 'late', revision: 4 }, 3)).toBe('absent');
    });

    it('a successor does not take the place of another session: nothing is changed', async () => {
      const changes = recordChanges(stores());
      const old = aSession('OLD');
      const other = aSession('OTHER');
      await createAll(stores(), [old, other]);
      const successor = { ...old, id: other.id };
      await expect(stores().sessions.supersede(old.id, 1, successor, undefined)).rejects.toThrow(
        'Another session has the id of the successor.',
      );
      expect(await stores().sessions.list({ limit: 9 })).toEqual([old, other]);
      expect(changes).toEqual([]);
    });

    it('a jar is saved over exactly the revision that was expected, the session’s own revision untouched', async () => {
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      const first = { sealed: 'one \u{1F36A} : two', revision: 1 };
      expect(await stores().sessions.saveJar(session.id, { sealed: 'x', revision: 3 }, 2)).toBe('stale');
      expect(await stores().sessions.saveJar(session.id, first, 0)).toBe('saved');
      expect(await stores().sessions.saveJar(session.id, { sealed: 'x', revision: 1 }, 0)).toBe('stale');
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session, jar: first });
      expect(await stores().sessions.saveJar(session.id, { sealed: '', revision: 2 }, 1)).toBe('saved');
      expect((await stores().sessions.find(session.id))?.jar).toStrictEqual({ sealed: '', revision: 2 });
    });

    it('of 50 who change one jar at once and try again when stale, none is lost', async () => {
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      await race(50, async (index) => {
        for (;;) {
          const found = await stores().sessions.find(session.id);
          const revision = found?.jar?.revision ?? 0;
          const sealed = `${found?.jar?.sealed ?? ''}${index};`;
          const outcome = await stores().sessions.saveJar(
            session.id,
            { sealed, revision: revision + 1 },
            revision,
          );
          if (outcome === 'saved') return;
          expect(outcome).toBe('stale');
        }
      });
      const jar = (await stores().sessions.find(session.id))?.jar;
      expect(jar?.revision).toBe(50);
      expect(new Set(jar?.sealed.split(';'))).toHaveLength(51);
    });

    it('an ended session is gone with its jar, from every list, once', async () => {
      const session = aSession('ONE', { client: 'client:web' });
      await stores().sessions.create(session, { sealed: 'x', revision: 1 });
      const outcomes = await race(20, () => stores().sessions.end(session.id));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const { subject, tenant } = session;
      for (const filter of [{}, { subject }, { tenant }, { client: 'client:web' }]) {
        expect(await stores().sessions.list({ ...filter, limit: 9 })).toEqual([]);
      }
      await stores().sessions.create(session, undefined);
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session, jar: undefined });
    });

    it('every filter that is given must match, and pages cover each match once, sorted by id', async () => {
      const web = { client: 'client:web' };
      const globex = { tenant: tenantId('globex'), tenants: [tenantId('globex')] as const };
      const bob = { subject: 'user:main:acme:bob' };
      const sessions = [
        aSession('Z1', web),
        aSession('A1', { ...web, ...globex }),
        aSession('0A'),
        aSession('M1', { ...web, ...bob }),
        aSession('B2', { ...globex, ...bob }),
        aSession('9', { client: 'client:web2', ...bob }),
        aSession('Z0', { client: 'client:we' }),
      ];
      await createAll(stores(), sessions);
      const filters: readonly Omit<SessionFilter, 'limit'>[] = [
        {},
        web,
        bob,
        { tenant: globex.tenant },
        { ...web, ...bob },
        { ...web, tenant: globex.tenant },
        { ...bob, tenant: globex.tenant },
        { ...web, ...bob, tenant: tenantId('acme') },
        { ...web, ...bob, tenant: globex.tenant },
        { subject: 'user:main:acme:bo' },
        { client: 'client:' },
      ];
      for (const filter of filters) {
        const wanted = sessions
          .filter(
            (session) =>
              (filter.subject === undefined || session.subject === filter.subject) &&
              (filter.client === undefined || session.client === filter.client) &&
              (filter.tenant === undefined || session.tenant === filter.tenant),
          )
          .map(({ id }) => id)
          .toSorted();
        for (const limit of [1, 2, 100]) {
          const pages = await readPages(stores(), filter, limit);
          expect(pages.flat(), JSON.stringify({ filter, limit })).toEqual(wanted);
          expect(pages.every((page) => page.length <= limit)).toBe(true);
        }
        expect(await stores().sessions.list({ ...filter, limit: 0 })).toEqual([]);
      }
    });

    it('a subject with 1,000 sessions is read in pages, however few of them another filter leaves', async () => {
      const subject = 'user:main:acme:busy';
      const sessions = Array.from({ length: 1000 }, (_, index) =>
        aSession(`N${index}`, { subject, ...(index % 400 === 7 && { client: 'client:rare' }) }),
      );
      await createAll(stores(), [...sessions, aSession('OTHER'), aSession('ZEBRA')]);
      const ids = sessions.map(({ id }) => id).toSorted();
      const pages = await readPages(stores(), { subject }, 64);
      expect(pages.map((page) => page.length)).toEqual([...Array.from({ length: 15 }, () => 64), 40, 0]);
      expect(pages.flat()).toEqual(ids);
      const rare = await stores().sessions.list({ subject, client: 'client:rare', limit: 3 });
      expect(rare.map(({ id }) => id)).toEqual([sessionId('N407'), sessionId('N7'), sessionId('N807')]);
      expect(await stores().sessions.list({ subject, limit: 5000 })).toHaveLength(1000);
    });

    it('two subjects, or clients, are never one, whatever characters they hold', async () => {
      let run = 0;
      const names = fc.uniqueArray(anyText, { minLength: 2, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(names, async (texts) => {
          run += 1;
          const sessions = texts.map((text, at) =>
            aSession(`R${run}X${at}`, { subject: `${run} ${text}`, client: `${run} ${text}` }),
          );
          await createAll(stores(), sessions);
          for (const session of sessions) {
            const { subject, client = '' } = session;
            expect(await stores().sessions.list({ subject, limit: 9 })).toStrictEqual([session]);
            expect(await stores().sessions.list({ client, limit: 9 })).toStrictEqual([session]);
          }
          for (const { id } of sessions) expect(await stores().sessions.end(id)).toBe(true);
          for (const { subject } of sessions)
            expect(await stores().sessions.list({ subject, limit: 9 })).toEqual([]);
        }),
        { numRuns: 30 },
      );
    });

    it('what has ended by its own time is found, listed and changed until it is pruned', async () => {
      const session = aSession('OLD', {
        authenticatedAt: NOW - 3 * HOUR,
        expiresAt: NOW - 2 * HOUR,
        absoluteEnd: NOW - HOUR,
      });
      await stores().sessions.create(session, { sealed: 'x', revision: 1 });
      expect((await stores().sessions.find(session.id))?.session).toStrictEqual(session);
      expect(await stores().sessions.list({ limit: 9 })).toHaveLength(1);
      expect(await stores().sessions.replace(next(session), 1)).toBe('replaced');
      expect(await stores().sessions.prune(NOW)).toBe(1);
      expect(await stores().sessions.find(session.id)).toBeUndefined();
      expect(await stores().sessions.list({ subject: session.subject, limit: 9 })).toEqual([]);
      expect(await stores().sessions.prune(NOW)).toBe(0);
    });

    it('pruning forgets what ends at the time or before, and what was extended meanwhile stays', async () => {
      const short = aSession('SHORT', { absoluteEnd: NOW });
      const longer = aSession('KEEP', { absoluteEnd: NOW + 1 });
      const remembered = aSession('REM', {
        absoluteEnd: NOW - HOUR,
        rotation: { ...withoutPrevious(ROTATION), absoluteEnd: NOW + HOUR },
      });
      const extended = aSession('EXT', { absoluteEnd: NOW - 1 });
      await createAll(stores(), [short, longer, remembered, extended]);
      const later = next(extended, { absoluteEnd: NOW + HOUR });
      await stores().sessions.replace(later, 1);
      expect(await stores().sessions.prune(NOW - 0.5)).toBe(0);
      expect(await stores().sessions.prune(NOW)).toBe(1);
      expect(await stores().sessions.list({ limit: 9 })).toStrictEqual([later, longer, remembered]);
      expect(await stores().sessions.prune(endOfSession(remembered))).toBe(3);
      expect(await stores().sessions.list({ limit: 9 })).toEqual([]);
    });

    it('thousands are pruned at once while others are created and ended, none of those that live among them', async () => {
      const ended = Array.from({ length: 2500 }, (_, index) => aSession(`E${index}`, { absoluteEnd: NOW }));
      await createAll(stores(), ended);
      const live = Array.from({ length: 50 }, (_, index) => aSession(`V${index}`));
      const [pruned, again, own] = await Promise.all([
        stores().sessions.prune(NOW),
        stores().sessions.prune(NOW),
        race(20, (index) => stores().sessions.end(sessionId(`E${index * 100}`))),
        createAll(stores(), live),
      ]);
      expect(pruned + again + own.filter(Boolean).length).toBe(2500);
      const left = await stores().sessions.list({ limit: 5000 });
      expect(left.map(({ id }) => id)).toEqual(live.map(({ id }) => id).toSorted());
    });

    it('a time that is none is refused, and nothing is written', async () => {
      const session = aSession('ONE');
      await stores().sessions.create(session, undefined);
      const rotation = withoutPrevious(ROTATION);
      const previous = { digest: 'x', rotatedAt: Number.NaN, sealedAnswer: 'x' };
      const bad: readonly Partial<Session>[] = [
        { authenticatedAt: Number.NaN },
        { expiresAt: Number.POSITIVE_INFINITY },
        { absoluteEnd: Number.NaN },
        { rotation: { ...rotation, idleEnd: Number.NaN } },
        { rotation: { ...rotation, absoluteEnd: Number.POSITIVE_INFINITY } },
        { rotation: { ...rotation, previous } },
      ];
      for (const members of bad) {
        const fresh = aSession('NEW', members);
        await expect(stores().sessions.create(fresh, undefined)).rejects.toThrow(RangeError);
        await expect(stores().sessions.replace(next(session, members), 1)).rejects.toThrow(RangeError);
        await expect(stores().sessions.supersede(session.id, 1, fresh, undefined)).rejects.toThrow(
          RangeError,
        );
      }
      for (const now of [Number.NaN, Number.POSITIVE_INFINITY])
        await expect(stores().sessions.prune(now)).rejects.toThrow(RangeError);
      for (const limit of [-1, 0.5, Number.NaN])
        await expect(stores().sessions.list({ limit })).rejects.toThrow(RangeError);
      expect(await stores().sessions.list({ limit: 9 })).toStrictEqual([session]);
    });

    it('a revision that does not follow, or another owner, is a defect and refused', async () => {
      const session = aSession('ONE', { client: 'client:web' });
      await stores().sessions.create(session, undefined);
      const { client: _client, ...ownerless } = session;
      const jar = { sealed: 'x', revision: 0 };
      for (const call of [
        () => stores().sessions.create(aSession('NEW', { revision: 2 }), undefined),
        () => stores().sessions.create(aSession('NEW'), jar),
        () => stores().sessions.supersede(session.id, 1, aSession('NEW', { revision: 2 }), undefined),
        () => stores().sessions.supersede(session.id, 1, aSession('NEW'), jar),
        () => stores().sessions.replace({ ...session, revision: 3 }, 1),
        () => stores().sessions.replace(next(session, { subject: 'user:main:acme:eve' }), 1),
        () => stores().sessions.replace(next(session, { tenant: tenantId('globex') }), 1),
        () => stores().sessions.replace(next(ownerless), 1),
        () => stores().sessions.saveJar(session.id, { sealed: 'x', revision: 2 }, 0),
        () => stores().sessions.saveJar(session.id, { sealed: 'x', revision: 0 }, -1),
      ]) {
        await expect(call()).rejects.toThrow(RangeError);
      }
      expect(await stores().sessions.find(session.id)).toStrictEqual({ session, jar: undefined });
    });
  });
}

function withoutPrevious({ previous: _previous, ...rotation }: Rotation): Rotation {
  return rotation;
}
