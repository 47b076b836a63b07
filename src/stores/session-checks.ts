import { StoreUnavailable } from '../base/outage.ts';
import type { SealedJar } from '../sessions/jar.ts';
import type { Session } from '../sessions/session.ts';

/** Throws RangeError for a time that is none, which would never come, and for a revision that does not follow. */
export function checkSession(session: Session, expectedRevision: number): Session {
  const { authenticatedAt, expiresAt, absoluteEnd, rotation } = session;
  const times = [authenticatedAt, expiresAt, absoluteEnd];
  if (rotation !== undefined) times.push(rotation.idleEnd, rotation.absoluteEnd);
  if (rotation?.previous !== undefined) times.push(rotation.previous.rotatedAt);
  if (!times.every(Number.isFinite)) throw new RangeError('A time must be a finite number of milliseconds.');
  if (session.revision !== expectedRevision + 1)
    throw new RangeError('The revision of a session must be one more than that of what it replaces.');
  return session;
}

/** Throws RangeError when what a session is listed by is another. */
export function checkSameOwner(stored: Session, session: Session): Session {
  const isSame =
    stored.subject === session.subject &&
    stored.client === session.client &&
    stored.tenant === session.tenant;
  if (!isSame) throw new RangeError('The subject, client and tenant of a session do not change.');
  return session;
}

/** Of a jar that comes with its session. Throws RangeError for a revision that would read as "there is none". */
export function checkFirstJar<T extends SealedJar | undefined>(jar: T): T {
  if (jar !== undefined && !(Number.isSafeInteger(jar.revision) && jar.revision > 0))
    throw new RangeError('The revision of a jar must be a positive whole number.');
  return jar;
}

/** Throws RangeError for a revision that does not follow. */
export function checkNextJar(jar: SealedJar, expectedRevision: number): SealedJar {
  if (jar.revision !== expectedRevision + 1)
    throw new RangeError('The revision of a jar must be one more than that of what it replaces.');
  return checkFirstJar(jar);
}

/** Of 80 random bits, so that it is worth no answer of its own: whoever tries again draws others. */
export function takenSuccessor(): StoreUnavailable {
  return new StoreUnavailable('Another session has the id of the successor.');
}
