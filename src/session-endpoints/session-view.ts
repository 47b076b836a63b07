import type { EpochMilliseconds } from '../base/clock.ts';
import type { Json } from '../principals/principal.ts';
import type { Session } from '../sessions/session.ts';

/** What its own pages are told of a session: everything but what could be used. Times in seconds. */
export function viewOf(session: Session, now: EpochMilliseconds): Readonly<Record<string, Json | undefined>> {
  return {
    client_id: session.clientId,
    user: { id: session.user.id, name: session.user.name ?? null },
    tenant: session.tenant,
    tenants: session.tenants,
    roles: session.roles,
    scopes: session.scopes,
    profile: session.profile,
    authenticated_at: Math.floor(session.authenticatedAt / 1000),
    expires_in: secondsUntil(session.expiresAt, now),
    absolute_expires_in: secondsUntil(session.absoluteEnd, now),
    remembered: session.rotation !== undefined,
  };
}

/** Rounded down: nobody is told that something lives when it does not. */
export function secondsUntil(end: EpochMilliseconds, now: EpochMilliseconds): number {
  return Math.max(0, Math.floor((end - now) / 1000));
}
