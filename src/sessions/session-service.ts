import type { EpochMilliseconds } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { Jar, KeptCookie } from './jar.ts';
import type { Session, SessionId } from './session.ts';
import type { SessionFilter } from './session-store.ts';

/** What a login has proven, and through what it came. */
export type NewSession = Pick<
  Session,
  | 'kind'
  | 'login'
  | 'subject'
  | 'user'
  | 'tenant'
  | 'tenants'
  | 'roles'
  | 'scopes'
  | 'profile'
  | 'client'
  | 'clientId'
  | 'host'
  | 'peer'
  | 'agent'
> & {
  readonly jar: Jar;
  /**
   * Lives of the session itself, milliseconds. A token session is not renewed: it lives as long as its rotation may at most,
   * and without one for `ttl`.
   */
  readonly lives: { readonly ttl: number; readonly absolute: number };
  /** With it, there is a credential that rotates: a refresh token, or the remember-me cookie. Milliseconds. */
  readonly rotation?: { readonly idle: number; readonly absolute: number };
  /** Most sessions of this subject; the oldest ones end. Of logins at the same moment any may be the oldest. */
  readonly perUser: number;
};

/** The only moment at which the credentials are known. */
export interface BegunSession {
  readonly session: Session;
  /** Value of the session cookie; absent for token sessions. */
  readonly cookie?: Secret;
  /** Refresh token, or value of the remember-me cookie. */
  readonly rotating?: Secret;
}

/** A session whose credential was right, with what it keeps of the upstream. Whether it is revoked is the caller's to ask. */
export interface OpenSession {
  readonly session: Session;
  readonly jar: Jar;
  /** Of the stored jar; 0 = there is none. */
  readonly jarRevision: number;
}

/** Why a rotating credential is of no use. For the log; the client learns that it is invalid. */
export type RotationRefusal =
  /** No such credential was ever given out, as far as can be told. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly session: Session }
  /** An old generation came back: the session has been ended for it. */
  | { readonly kind: 'reused'; readonly session: Session }
  /** It is another client's, or another host's, or the caller's `admit` refused it: nothing was changed. */
  | { readonly kind: 'refused'; readonly session: Session; readonly reason: string };

export interface RotationOptions {
  readonly kind: 'refresh' | 'rememberMe';
  /** Asked before anything is changed: whether this session may be renewed here and now. The error is the reason. */
  readonly admit: (session: Session) => Result<true, string>;
  /**
   * Makes the answer that goes with the rotation (a text, such as the JSON of a token response). Called before the rotation is
   * stored, so that nothing of it exists without its answer; may be called again, and what it made before is then never seen by anybody.
   */
  readonly answer: (renewed: BegunSession) => Promise<string>;
}

export interface RotatedSession {
  readonly session: Session;
  readonly answer: string;
  /** The answer of an earlier call that did not arrive, or of a racer. */
  readonly isRepeated: boolean;
}

/** Why the tenant of a session cannot be switched. */
export type SwitchRefusal = 'stale' | 'absent';

/**
 * The life of sessions. All methods throw `StoreUnavailable`, also when what is kept of the upstream cannot be opened. Ended and
 * expired ones are `undefined`; what the revocation list says is the caller's to ask, since that is in memory.
 */
export interface SessionService {
  /** More than `perUser` at a time there may be while several log in; when the last of them is done, there are not. */
  begin(login: NewSession): Promise<BegunSession>;
  /** By its cookie's value: `unknown` for whatever was not given out, `expired` once its possession is proven. */
  open(
    cookie: Secret,
    now: EpochMilliseconds,
  ): Promise<Result<OpenSession, { kind: 'unknown' } | { kind: 'expired'; session: Session }>>;
  /**
   * By its cookie's value, to be ended: what has expired is found too, and where what is kept of the upstream cannot be opened, the jar is empty. Who
   * is to be rid of a session need not be able to use it.
   */
  openToEnd(cookie: Secret): Promise<{ readonly session: Session; readonly jar: Jar } | undefined>;
  /** By id, for what refers to it (an access token, a ticket). `undefined`: it has ended. */
  find(id: SessionId, now: EpochMilliseconds): Promise<OpenSession | undefined>;
  /** A new `ttl` from now on, never past the absolute end. `undefined`: it has ended meanwhile. */
  renew(session: Session, ttlMilliseconds: number, now: EpochMilliseconds): Promise<Session | undefined>;
  /**
   * Trades a rotating credential for the next one: a refresh token for a token answer, a remember-me cookie for a session with a new cookie and
   * lives of its own within the rotation's absolute end. Of those who present one generation at a time, or within 10 s while its
   * successor is unused, all get the same answer; any other use of an old generation ends the session.
   */
  rotate(
    presented: Secret,
    lives: { readonly ttl: number; readonly absolute: number; readonly idle: number },
    options: RotationOptions,
    now: EpochMilliseconds,
  ): Promise<Result<RotatedSession, RotationRefusal>>;
  /**
   * Ends it and begins another one of the same login under a new id, for another of its tenants, with new credentials and no longer
   * to live. Throws RangeError for a tenant that is not among `session.tenants`.
   */
  switchTenant(
    session: Session,
    tenant: TenantId,
    jar: Jar,
    now: EpochMilliseconds,
  ): Promise<Result<BegunSession, SwitchRefusal>>;
  /**
   * Cookies that an answer set or deleted, as `readKeptCookies` gives them: each replaces the kept one only if that still has the version
   * that the request was sent with. What is kept by then; `undefined`: the session has ended.
   */
  keepCookies(id: SessionId, set: readonly KeptCookie[]): Promise<Jar | undefined>;
  end(id: SessionId): Promise<boolean>;
  list(filter: SessionFilter): Promise<readonly Session[]>;
}
