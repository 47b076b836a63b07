import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createRevocationList, type RevocationList } from '../../src/revocation/revocation-list.ts';
import { EMPTY_JAR } from '../../src/sessions/jar.ts';
import type { Session } from '../../src/sessions/session.ts';
import {
  createSessionAdministration,
  type SessionAdministration,
} from '../../src/sessions/session-administration.ts';
import { principalOfSession } from '../../src/sessions/session-principal.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { aSession, tenantId } from '../contract/fixtures.ts';
import { until } from '../support/redis.ts';
import { DAY } from './rotation-options.ts';
import { aLogin, onBothStores, type SessionScene } from './scene.ts';

const BY = { by: 'admin:alice' };
const OWNER = { kind: 'subject', subject: 'user:staff:acme:4711' } as const;

function administrationOf(scene: SessionScene): SessionAdministration {
  const { sessions, revocations } = firstOf(scene.stores);
  return createSessionAdministration({
    sessions,
    revocations,
    longestLife: () => 90 * DAY,
    clock: () => scene.clock,
  });
}

function firstOf(stores: readonly Stores[]): Stores {
  const [first] = stores;
  if (first === undefined) throw new Error('no store');
  return first;
}

/** The revocation list of the last replica, which administers nothing. */
function listOf(scene: SessionScene): Promise<RevocationList> {
  const { revocations, changes } = scene.stores.at(-1) ?? firstOf(scene.stores);
  return createRevocationList({
    revocations,
    changes,
    clock: () => scene.clock,
    log: pino({ level: 'silent' }),
  });
}

function isRefused(list: RevocationList, session: Session, now: number): boolean {
  const open = { session, jar: EMPTY_JAR, jarRevision: 0 };
  const principal = principalOfSession(open, { kind: 'cookie', origins: new Set() });
  return list.find(principal, session.tenant, now) !== undefined;
}

async function fill({ sessions }: Stores, count: number, members: Partial<Session>): Promise<void> {
  for (let at = 0; at < count; at += 500) {
    const batch = Array.from({ length: Math.min(500, count - at) }, (_, index) =>
      sessions.create(aSession(String(at + index).padStart(6, '0'), members), undefined),
    );
    await Promise.all(batch);
  }
}

describe('all sessions of an owner', { timeout: 60_000 }, () => {
  onBothStores((scene) => {
    it('are refused by another replica and gone, and a login after that is neither', async () => {
      const at = scene();
      const list = await listOf(at);
      try {
        const login = aLogin({ perUser: 100 });
        const begun = await Promise.all(Array.from({ length: 60 }, () => at.service.begin(login)));
        const answer = await administrationOf(at).endAll(OWNER, {}, BY);
        expect(answer).toMatchObject({ ended: 60, before: at.clock });
        await until('all are refused', () =>
          begun.every(({ session }) => isRefused(list, session, at.clock)),
        );
        expect(await at.store.list({ subject: OWNER.subject, limit: 1 })).toEqual([]);
        at.clock += 1;
        const later = await at.service.begin(login);
        expect(isRefused(list, later.session, at.clock)).toBe(false);
        expect(await at.store.list({ subject: OWNER.subject, limit: 10 })).toHaveLength(1);
      } finally {
        list.close();
      }
    });

    it('are refused also under the id that a switch of tenant gave them meanwhile', async () => {
      const at = scene();
      const list = await listOf(at);
      try {
        const { session } = await at.service.begin(aLogin());
        await administrationOf(at).endAll({ kind: 'client', client: 'client:web-app' }, {}, BY);
        // As it would be, had the switch come between the entry and the look at the records.
        const switched = { ...session, id: aSession('SW1TCHED').id, tenant: tenantId('globex') };
        await until('it is refused', () => isRefused(list, switched, at.clock));
      } finally {
        list.close();
      }
    });

    it('that are very many end over several calls, and none that began after the first', async () => {
      const at = scene();
      const administration = administrationOf(at);
      await fill(firstOf(at.stores), 10_200, { subject: OWNER.subject });
      const first = await administration.endAll(OWNER, {}, BY);
      expect(first).toMatchObject({ ended: 10_000, next: expect.any(String) });
      at.clock += 1000;
      const { session } = await at.service.begin(aLogin({ perUser: 10_000 }));
      const { next: after = session.id, before } = first;
      const second = await administration.endAll(OWNER, { before, after }, BY);
      expect(second.ended).toBe(200);
      expect(second).not.toHaveProperty('next');
      expect(await at.store.list({ subject: OWNER.subject, limit: 10 })).toMatchObject([{ id: session.id }]);
    });
  });
});

describe('a search for a user', { timeout: 60_000 }, () => {
  onBothStores((scene) => {
    it('among very many sessions ends after some thousand, and goes on where it ended', async () => {
      const at = scene();
      const stores = firstOf(at.stores);
      await fill(stores, 5500, {});
      await stores.sessions.create(aSession('ZEBRA', { user: { id: 'zoe' } }), undefined);
      const administration = administrationOf(at);
      const first = await administration.list({ user: 'zoe', limit: 10 });
      expect(first.sessions).toEqual([]);
      if (first.next === undefined) throw new Error('there is no next page');
      const second = await administration.list({ user: 'zoe', after: first.next, limit: 10 });
      expect(second.sessions).toMatchObject([{ user: { id: 'zoe' } }]);
      expect(second).not.toHaveProperty('next');
    });
  });
});
