import type { EpochMilliseconds } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import type { Json } from '../principals/principal.ts';
import type { Jar } from '../sessions/jar.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';

/** Somebody who wants to log in, with the tenant decided. */
export interface LoginAttempt {
  readonly tenant: KnownTenant;
  readonly username: string;
  readonly password: Secret;
  /** Believed address of the client. */
  readonly peer: string;
  readonly userAgent: string;
  /** `EndpointCall.origin`: what the upstream is told of how the client reached the gateway. */
  readonly origin: string;
  readonly now: EpochMilliseconds;
  /** The client's own login request, sent on as it came but for its credentials and what the login block sets. */
  readonly received?: ReceivedLogin;
}

/** A login, or logout, that was posted to the upstream's own route. */
export interface ReceivedLogin {
  /** Path and query. */
  readonly target: string;
  /** Name, value …: what may be forwarded of it. */
  readonly fields: readonly string[];
  readonly body: Buffer;
}

/** As `ReceivedLogin`, with what else is told of its client. */
export interface ReceivedLogout extends ReceivedLogin {
  readonly origin: string;
  readonly peer: string;
}

/** What the upstream said, read to its end. */
export interface UpstreamAnswer {
  readonly status: number;
  /** Name, value … without hop-by-hop fields, Content-Length and Set-Cookie. */
  readonly fields: readonly string[];
  readonly body: Buffer;
}

/** Who logged in, in the words of the session. */
export interface Account {
  /** Namespaced: see `Session.subject`. */
  readonly subject: string;
  readonly user: { readonly id: string; readonly name?: string };
  readonly tenants: readonly [TenantId, ...TenantId[]];
  readonly roles: readonly string[];
  readonly profile: Readonly<Record<string, Json>>;
}

export type LoginOutcome =
  | {
      readonly kind: 'accepted';
      readonly account: Account;
      readonly jar: Jar;
      readonly answer: UpstreamAnswer;
    }
  /** Unknown user or wrong password: nobody is told which. `reason` is for the log. */
  | {
      readonly kind: 'rejected';
      /** `undefined`: the upstream was not asked, since no password could be that. */
      readonly answer: UpstreamAnswer | undefined;
      readonly reason: string;
    }
  /** Too many failed ones of this user, or from this peer; the upstream was not asked. */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number; readonly by: 'user' | 'peer' };

export type SwitchOutcome =
  | { readonly kind: 'switched'; readonly jar: Jar }
  /** The upstream needs a login of its own for that tenant. */
  | { readonly kind: 'reauthenticate' };

/**
 * One login block, compiled: asks the unchanged upstream whether a password is right. Every front stands on it (intercepted
 * route, password grant, `POST /session`, a login page).
 */
export interface LoginBridge {
  readonly name: string;
  readonly upstream: string;
  /** Names of the upstream's cookies that it keeps. */
  readonly keptCookies: ReadonlySet<string>;
  /** Throws `Outage('login_unavailable')` if the upstream did not say yes or no, `StoreUnavailable` if failures cannot be counted. */
  logIn(attempt: LoginAttempt): Promise<LoginOutcome>;
  /**
   * Tells the upstream, as the login block says. Never throws; waits a few seconds at most. With `received`, the client's own request is
   * sent on. `undefined`: there is no such request, or no answer.
   */
  logOut(jar: Jar, tenant: KnownTenant, received?: ReceivedLogout): Promise<UpstreamAnswer | undefined>;
  /** Whether an answer looks as if the upstream's session were gone. Cheap: asked on every answer to a session. */
  looksLost(status: number, location: string | undefined): boolean;
  /** Asks the upstream. Never throws. `unknown`: it did not say. */
  probe(jar: Jar, tenant: KnownTenant): Promise<'alive' | 'lost' | 'unknown'>;
  /** Throws `Outage('login_unavailable')` if the upstream did not say. */
  switchTenant(jar: Jar, to: KnownTenant): Promise<SwitchOutcome>;
  /** Username and tenant claim in the body of an intercepted login; `undefined`: it is no such body. */
  readLogin(contentType: string | undefined, body: Buffer): ReadLogin | undefined;
}

export interface ReadLogin {
  readonly username: string;
  readonly password: Secret;
  /** What the body names as the tenant, unproven; absent: nothing, or the login block does not look. */
  readonly tenant?: string;
}
