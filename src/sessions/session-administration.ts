import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import type { Revocation } from '../revocation/revocation.ts';
import type { RevocationStore } from '../revocation/revocation-store.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { endOfSession, type Session, type SessionId } from './session.ts';
import type { SessionFilter, SessionStore } from './session-store.ts';

/** Of which sessions; all that are given must match. */
export interface SessionQuery extends SessionFilter {
  /** Id of the user as the upstream knows it, and name of the login block. They are looked for among many: `subject` is faster. */
  readonly user?: string;
  readonly login?: string;
}

export interface SessionPage {
  readonly sessions: readonly Session[];
  /** Where the next page begins after; a page with one may hold fewer sessions than asked for, even none. */
  readonly next?: SessionId;
}

/** Whose sessions end. Subject and client are namespaced, as in the session; a tenant is the current one. */
export type SessionOwner =
  | { readonly kind: 'subject'; readonly subject: string }
  | { readonly kind: 'client'; readonly client: string }
  | { readonly kind: 'tenant'; readonly tenant: TenantId };

export interface EndedSessions {
  /** It refuses all of them from the first moment on, on every replica; a later login passes. */
  readonly revocation: Revocation;
  /** Logins until then have ended, inclusive. */
  readonly before: EpochMilliseconds;
  /** Records that were there. */
  readonly ended: number;
  /** There may be more records, which are refused but not gone yet: ask again, with `before` and from here on. */
  readonly next?: SessionId;
}

export interface EndedRange {
  /** Logins until then, inclusive. Absent, or in time to come: until now. */
  readonly before?: EpochMilliseconds;
  /** Where an earlier call stopped. */
  readonly after?: SessionId;
}

/** Who takes sessions back, and why. */
export interface EndedBy {
  readonly by: string;
  readonly reason?: string;
}

/** All methods throw `StoreUnavailable`. What has ended by its own time is not shown. */
export interface SessionAdministration {
  list(query: SessionQuery): Promise<SessionPage>;
  find(id: SessionId): Promise<Result<Session, Refusal>>;
  /** Takes back all that was given out for it, on every replica. */
  end(id: SessionId, who: EndedBy): Promise<Result<Session, Refusal>>;
  /** What a session is switched to meanwhile is refused, and goes when its time is over. */
  endAll(owner: SessionOwner, range: EndedRange, who: EndedBy): Promise<EndedSessions>;
}

export interface SessionAdministrationOptions {
  readonly sessions: Pick<SessionStore, 'find' | 'list' | 'end'>;
  readonly revocations: Pick<RevocationStore, 'add'>;
  /** Longest life, by the serving configuration, of anything that is given out for a login; milliseconds. */
  readonly longestLife: () => number;
  readonly clock: Clock;
}

/** How much longer an entry of the revocation list lives than what it refuses, since replicas' clocks differ; milliseconds. */
const ENTRY_MARGIN = 86_400_000;
/** Records read at once. */
const PAGE = 1000;
/** Records that one call reads at most, so that it takes seconds. */
const READ_AT_MOST = 10_000;
/** Ends under way at one time. */
const AT_ONCE = 100;
/** Records read at once for a query that few may fit, so that a request is bounded however many there are. */
const SCANNED = 5000;

export function createSessionAdministration(options: SessionAdministrationOptions): SessionAdministration {
  const { sessions, revocations, longestLife, clock } = options;

  async function find(id: SessionId): Promise<Result<Session, Refusal>> {
    const session = (await sessions.find(id))?.session;
    if (session === undefined || endOfSession(session) <= clock())
      return refusal('absent', `There is no session ${id}.`);
    return ok(session);
  }

  /** Ends records of logins until `before`; `lastEnd`: when the last of what was given out for them ends by itself. */
  async function endRecords(owner: SessionOwner, before: EpochMilliseconds, from: SessionId | undefined) {
    const { kind: _kind, ...filter } = owner;
    let ended = 0;
    let lastEnd: EpochMilliseconds = 0;
    let after = from;
    for (let read = 0; read < READ_AT_MOST; read += PAGE) {
      const page = await sessions.list({ ...filter, ...(after !== undefined && { after }), limit: PAGE });
      const old = page.filter(({ authenticatedAt }) => authenticatedAt <= before);
      for (let at = 0; at < old.length; at += AT_ONCE) {
        const batch = old.slice(at, at + AT_ONCE);
        const outcomes = await Promise.all(batch.map(({ id }) => sessions.end(id)));
        ended += outcomes.filter(Boolean).length;
      }
      lastEnd = old.reduce((latest, session) => Math.max(latest, endOfSession(session)), lastEnd);
      if (page.length < PAGE) return { ended, lastEnd };
      after = page.at(-1)?.id;
    }
    return { ended, lastEnd, ...(after !== undefined && { next: after }) };
  }

  return {
    async list({ user, login, limit, ...filter }) {
      const isPicky = user !== undefined || login !== undefined;
      const size = isPicky ? SCANNED : limit;
      // One more than asked for tells whether there is another page.
      const found = await sessions.list({ ...filter, limit: size + 1 });
      const scanned = found.slice(0, size);
      const now = clock();
      const fitting = scanned.filter(
        (session) =>
          (user === undefined || session.user.id === user) &&
          (login === undefined || session.login === login) &&
          now < endOfSession(session),
      );
      const page = fitting.slice(0, limit);
      const last = fitting.length > limit ? page.at(-1) : found.length > size ? scanned.at(-1) : undefined;
      return { sessions: page, ...(last !== undefined && { next: last.id }) };
    },

    find,

    async end(id, { by, reason }) {
      const found = await find(id);
      if (!found.ok) return found;
      const now = clock();
      // The entry comes first: if ending the record then fails, the session is refused all the same.
      await revocations.add({
        target: { kind: 'session', id },
        expiresAt: expiryOfEntry(found.value),
        revokedAt: now,
        revokedBy: by,
        ...(reason !== undefined && { reason }),
      });
      await sessions.end(id);
      return found;
    },

    async endAll(owner, { before: wanted, after }, { by, reason }) {
      const now = clock();
      const before = Math.min(wanted ?? now, now);
      const entry: Revocation = {
        target: targetOfOwner(owner),
        issuedBefore: before,
        expiresAt: now + longestLife() + ENTRY_MARGIN,
        revokedAt: now,
        revokedBy: by,
        ...(reason !== undefined && { reason }),
      };
      const added = await revocations.add(entry);
      const { lastEnd, ...outcome } = await endRecords(owner, before, after);
      // Logins of an earlier configuration may live longer than those of this one.
      const isLonger = lastEnd + ENTRY_MARGIN > (added.expiresAt ?? Number.POSITIVE_INFINITY);
      const revocation = isLonger
        ? await revocations.add({ ...entry, expiresAt: lastEnd + ENTRY_MARGIN })
        : added;
      return { revocation, before, ...outcome };
    },
  };
}

/** When an entry of the revocation list that refuses this session may be forgotten. */
export function expiryOfEntry(session: Session): EpochMilliseconds {
  return endOfSession(session) + ENTRY_MARGIN;
}

/** Sessions alone: the revocation of a client or of a tenant would take back their keys too. */
export function targetOfOwner(owner: SessionOwner): Revocation['target'] {
  switch (owner.kind) {
    case 'subject':
      return owner;
    case 'client':
      return { kind: 'clientSessions', client: owner.client };
    case 'tenant':
      return { kind: 'tenantSessions', tenant: owner.tenant };
  }
}
