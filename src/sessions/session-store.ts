import type { EpochMilliseconds } from '../base/clock.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { SealedJar } from './jar.ts';
import type { Session, SessionId } from './session.ts';

export interface SessionFilter {
  /** Namespaced, as in the session. All that are given must match. */
  readonly subject?: string;
  readonly client?: string;
  /** Current tenant. */
  readonly tenant?: TenantId;
  /** Ids greater than this one, for paging. */
  readonly after?: SessionId;
  /** At most this many. */
  readonly limit: number;
}

export interface StoredSession {
  readonly session: Session;
  readonly jar: SealedJar | undefined;
}

/**
 * All methods throw `StoreUnavailable` when they cannot know or could not make the change durable. Every change but a
 * creation is announced as `sessionChanged` in the same atomic step. What has ended by its own time is still found until it is pruned:
 * the caller compares times. RangeError: a time that is not finite, a revision that does not follow, an owner that changed.
 */
export interface SessionStore {
  /** `session.revision` is 1. `clash`: there is a session with this id. */
  create(session: Session, jar: SealedJar | undefined): Promise<'created' | 'clash'>;
  find(id: SessionId): Promise<StoredSession | undefined>;
  /** Writes `session`, whose revision is one more than `expectedRevision`; the jar stays. Its subject, client and tenant do not change. */
  replace(session: Session, expectedRevision: number): Promise<'replaced' | 'stale' | 'absent'>;
  /** In one step the old one ends and `successor` (revision 1, its id nobody else's) begins. Announced for the old one. */
  supersede(
    id: SessionId,
    expectedRevision: number,
    successor: Session,
    jar: SealedJar | undefined,
  ): Promise<'superseded' | 'stale' | 'absent'>;
  /** Writes the jar, whose revision is one more than `expectedRevision`; 0 = there was none. */
  saveJar(id: SessionId, jar: SealedJar, expectedRevision: number): Promise<'saved' | 'stale' | 'absent'>;
  /** True if there was one. */
  end(id: SessionId): Promise<boolean>;
  /** Sorted by id. */
  list(filter: SessionFilter): Promise<readonly Session[]>;
  /** Forgets those whose `endOfSession` is at or before `now`, in batches; returns how many. Not announced. */
  prune(now: EpochMilliseconds): Promise<number>;
}
