import type { BaseLogger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { err, ok } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { EncryptionKeys } from '../keys/encryption-key.ts';
import { EMPTY_JAR, type Jar, type SealedJar } from './jar.ts';
import { keepCookiesIn } from './kept-cookies.ts';
import { newSession, switchedSession } from './new-session.ts';
import { createRotation } from './rotation.ts';
import { isEmptyJar, openJar, sealJar } from './sealed-jar.ts';
import type { Session } from './session.ts';
import { isSameDigest, parseCookie } from './session-credential.ts';
import { endOldestSessions } from './session-limit.ts';
import type { OpenSession, SessionService } from './session-service.ts';
import type { SessionStore, StoredSession } from './session-store.ts';

export interface SessionServiceParts {
  readonly sessions: SessionStore;
  readonly encryptionKeys: EncryptionKeys;
  readonly clock: Clock;
  readonly log: BaseLogger;
}

/** Compare-and-sets of one call. Each that fails means that another one has succeeded. */
const ATTEMPTS = 500;
/** An id has 80 random bits. */
const ID_ATTEMPTS = 3;

export function createSessionService({
  sessions,
  encryptionKeys,
  clock,
  log,
}: SessionServiceParts): SessionService {
  /** A jar that cannot be opened is an outage: with an empty one in its place the user would be a stranger to the upstream. */
  function openStored({ session, jar }: StoredSession): OpenSession {
    if (jar === undefined) return { session, jar: EMPTY_JAR, jarRevision: 0 };
    const opened = openJar(jar, session, encryptionKeys);
    if (opened.ok) return { session, jar: opened.value, jarRevision: jar.revision };
    log.error({ session: session.id, reason: opened.error }, 'what is kept of the upstream cannot be opened');
    throw new StoreUnavailable(`What is kept for the session ${session.id} ${opened.error}`);
  }

  /** Compared also where there is no such session, so that an unknown id takes the same path as a wrong secret. */
  async function findByCookie(cookie: Secret): Promise<StoredSession | undefined> {
    const credential = parseCookie(cookie);
    if (credential === undefined) return undefined;
    const stored = await sessions.find(credential.id);
    return isSameDigest(credential.digest, stored?.session.cookieDigest) ? stored : undefined;
  }

  function sealUnlessEmpty(jar: Jar, session: Session): SealedJar | undefined {
    return isEmptyJar(jar) ? undefined : sealJar(jar, session, 1, encryptionKeys);
  }

  return {
    async begin(login) {
      const now = clock();
      for (let attempt = 0; attempt < ID_ATTEMPTS; attempt += 1) {
        const begun = newSession(login, now);
        const outcome = await sessions.create(begun.session, sealUnlessEmpty(login.jar, begun.session));
        if (outcome === 'clash') continue;
        await endOldestSessions(sessions, login.subject, login.perUser, now);
        return begun;
      }
      throw new Error('No free id for a session was found');
    },

    async open(cookie, now) {
      const stored = await findByCookie(cookie);
      if (stored === undefined) return err({ kind: 'unknown' });
      const { session } = stored;
      return isOver(session, now) ? err({ kind: 'expired', session }) : ok(openStored(stored));
    },

    async openToEnd(cookie) {
      const stored = await findByCookie(cookie);
      if (stored === undefined) return undefined;
      const { session, jar } = stored;
      const opened = jar === undefined ? ok(EMPTY_JAR) : openJar(jar, session, encryptionKeys);
      return { session, jar: opened.ok ? opened.value : EMPTY_JAR };
    },

    async find(id, now) {
      const stored = await sessions.find(id);
      return stored === undefined || isOver(stored.session, now) ? undefined : openStored(stored);
    },

    async renew(session, ttlMilliseconds, now) {
      let current: Session | undefined = session;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        // Whoever traded a remember-me cookie meanwhile has the session; its cookie is not the one that renews here.
        const isSame = current !== undefined && current.cookieDigest === session.cookieDigest;
        if (current === undefined || !isSame || isOver(current, now)) return undefined;
        const renewed: Session = {
          ...current,
          expiresAt: Math.min(now + ttlMilliseconds, current.absoluteEnd),
          revision: current.revision + 1,
        };
        const outcome = await sessions.replace(renewed, current.revision);
        if (outcome === 'replaced') return renewed;
        if (outcome === 'absent') return undefined;
        current = (await sessions.find(session.id))?.session;
      }
      throw changedTooOften(session.id);
    },

    rotate: createRotation(sessions),

    async switchTenant(session, tenant, jar, now) {
      if (!session.tenants.includes(tenant))
        throw new RangeError(`The session ${session.id} is not of a member of the tenant ${tenant}`);
      if (isOver(session, now)) return err('absent');
      const begun = switchedSession(session, tenant);
      const outcome = await sessions.supersede(
        session.id,
        session.revision,
        begun.session,
        sealUnlessEmpty(jar, begun.session),
      );
      return outcome === 'superseded' ? ok(begun) : err(outcome);
    },

    async keepCookies(id, set) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const stored = await sessions.find(id);
        if (stored === undefined) return undefined;
        const { jar, jarRevision } = openStored(stored);
        const kept = keepCookiesIn(jar, set);
        if (kept === jar) return jar;
        const sealed = sealJar(kept, stored.session, jarRevision + 1, encryptionKeys);
        const outcome = await sessions.saveJar(id, sealed, jarRevision);
        if (outcome === 'saved') return kept;
        if (outcome === 'absent') return undefined;
      }
      throw changedTooOften(id);
    },

    end: (id) => sessions.end(id),
    list: (filter) => sessions.list(filter),
  };
}

/** Both ends are exclusive. */
function isOver({ expiresAt, absoluteEnd }: Session, now: number): boolean {
  return now >= expiresAt || now >= absoluteEnd;
}

function changedTooOften(id: string): StoreUnavailable {
  return new StoreUnavailable(`The session ${id} was changed too often for one more change to be made`);
}
