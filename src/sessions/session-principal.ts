import { parseApiKeyId } from '../api-keys/api-key.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Principal } from '../principals/principal.ts';
import { type RevocationId, revocationIdOf } from '../revocation/revocation.ts';
import type { OpenSession } from './session-service.ts';

/** Name that stands for the gateway itself where tokens are told apart by their issuer. No issuer of the configuration has it. */
export const OWN_ISSUER = 'gatehouse';

/** How the client of a session begins that is known by its API key. */
const KEY_CLIENT = 'key:';

/** How a session was presented. */
export type PresentedSession =
  /** By its cookie. `origins`: those of its client, whose pages may use it. */
  | {
      readonly kind: 'cookie';
      readonly origins: ReadonlySet<string>;
      /** Absent: those of the login. */
      readonly scopes?: readonly string[];
    }
  /** By an access token or a ticket with this id; it may have fewer scopes and less time than the session. */
  | {
      readonly kind: 'token';
      readonly id: string;
      readonly scopes: readonly string[];
      readonly expiresAt: EpochMilliseconds;
    }
  /** `host`: the only one that it is good on. */
  | {
      readonly kind: 'ticket';
      readonly id: string;
      readonly host: string;
      readonly scopes: readonly string[];
      readonly expiresAt: EpochMilliseconds;
    };

/**
 * The user of a session. Its moment of issue is the login, through every renewal, so that "issued before" takes back what
 * was renewed since.
 */
export function principalOfSession({ session, jar }: OpenSession, presented: PresentedSession): Principal {
  const isCookie = presented.kind === 'cookie';
  const sessionId = revocationIdOf({ kind: 'session', id: session.id });
  const tokenId = isCookie
    ? undefined
    : revocationIdOf({ kind: 'token', issuer: OWN_ISSUER, jti: presented.id });
  return {
    kind: 'user',
    subject: session.subject,
    userId: session.user.id,
    ...(session.client !== undefined && { client: session.client }),
    ...(session.clientId !== undefined && { clientId: session.clientId }),
    tenants: [session.tenant],
    scopes: new Set(presented.scopes ?? session.scopes),
    roles: new Set(session.roles),
    profile: {
      ...(session.user.name !== undefined && { name: session.user.name }),
      ...session.profile,
    },
    method: isCookie ? 'session' : 'token',
    session: {
      id: session.id,
      kind: session.kind,
      isCookie,
      isTicket: presented.kind === 'ticket',
      host: hostOf(session, presented),
      origins: isCookie ? presented.origins : new Set(),
      absoluteEnd: session.absoluteEnd,
      login: session.login,
      jar,
    },
    authenticatedAt: Math.floor(session.authenticatedAt / 1000),
    issuedAt: session.authenticatedAt,
    expiresAt: isCookie ? session.expiresAt : Math.min(presented.expiresAt, session.absoluteEnd),
    credentialId: tokenId ?? sessionId,
    revocationIds: [...(tokenId === undefined ? [] : [tokenId]), ...revocationIdsOfSession(session)],
  };
}

function hostOf({ host }: OpenSession['session'], presented: PresentedSession): string | undefined {
  if (presented.kind === 'token') return undefined;
  return presented.kind === 'ticket' ? presented.host : host;
}

/** Every id under which a session, and whatever was given out for it, can be revoked, but its tenant. */
export function revocationIdsOfSession({
  id,
  subject,
  client,
  tenant,
}: Pick<OpenSession['session'], 'id' | 'subject' | 'client' | 'tenant'>): readonly RevocationId[] {
  const key =
    client?.startsWith(KEY_CLIENT) === true ? parseApiKeyId(client.slice(KEY_CLIENT.length)) : undefined;
  return [
    revocationIdOf({ kind: 'session', id }),
    revocationIdOf({ kind: 'subject', subject }),
    revocationIdOf({ kind: 'tenantSessions', tenant }),
    ...(client === undefined
      ? []
      : [revocationIdOf({ kind: 'client', client }), revocationIdOf({ kind: 'clientSessions', client })]),
    // Who takes back the key of a legacy client takes back the sessions that it began.
    ...(key === undefined ? [] : [revocationIdOf({ kind: 'key', id: key })]),
  ];
}
