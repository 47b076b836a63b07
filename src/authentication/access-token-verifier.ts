import type { EpochMilliseconds } from '../base/clock.ts';
import { type Client, type ClientId, subjectOfClient } from '../clients/client.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Principal } from '../principals/principal.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import type { SessionId } from '../sessions/session.ts';
import { OWN_ISSUER, principalOfSession } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { createOwnTokenReader, type OwnTokenParts, type ProvenToken } from './own-tokens.ts';
import { refused, type Verification } from './verifier.ts';

/**
 * Verifies an access token that we gave out; `undefined`: it is none of ours. `digest` is the SHA-256 of its text, hex. The revocation
 * list and the tenant are the caller's. Throws `StoreUnavailable`.
 */
export type AccessTokenVerifier = (
  text: string,
  digest: string,
  now: EpochMilliseconds,
) => Promise<Verification | undefined>;

export interface AccessTokenVerifierParts extends OwnTokenParts {
  readonly sessions: Pick<SessionService, 'find'>;
  readonly clients: Pick<ClientDirectory, 'find'>;
}

/** What a remembered principal of a session depends on: whatever changes the session drops it. */
export function dependencyOfSession(id: SessionId): string {
  return `session:${id}`;
}

export function dependencyOfClient(id: ClientId): string {
  return `client:${id}`;
}

/** What has become of a token that was given out. Throws `StoreUnavailable`. */
export type TokenJudge = (token: ProvenToken, now: EpochMilliseconds) => Promise<Verification>;

export function createAccessTokenVerifier(parts: AccessTokenVerifierParts): AccessTokenVerifier {
  const read = createOwnTokenReader(parts);
  const judge = createTokenJudge(parts);
  return async (text, digest, now) => {
    const found = await read(text, digest, now);
    if (found === undefined) return undefined;
    return found.ok ? judge(found.value, now) : refused('credential_invalid', found.error);
  };
}

/** Possession of the token is proven, so its holder may learn what became of it. */
export function createTokenJudge(
  parts: Pick<AccessTokenVerifierParts, 'sessions' | 'clients' | 'keyring'>,
): TokenJudge {
  const { clients, sessions, keyring } = parts;

  function accept(token: ProvenToken, principal: Principal): Verification {
    const { key } = token;
    return {
      kind: 'accepted',
      principal,
      dependsOn: [
        dependencyOfClient(token.client),
        ...(token.session === undefined ? [] : [dependencyOfSession(token.session)]),
      ],
      ...(key !== undefined && {
        isStillBound: () => keyring.verificationKeys('access-token').some(({ kid }) => kid === key.kid),
      }),
    };
  }

  return async (token, now) => {
    if (now >= token.expiresAt) return refused('credential_expired', `token ${token.id} has expired`);
    const client = clients.find(token.client);
    if (client === undefined)
      return refused('credential_revoked', `client ${token.client} of token ${token.id} is gone`);
    if (!mayActFor(client, token))
      return refused(
        'credential_revoked',
        `client ${client.id} may not act for ${token.tenants[0]} any more`,
      );
    const scopes = token.scopes.filter((scope) => client.scopes.includes(scope));
    if (token.session === undefined) {
      const isOwn = token.subject === undefined || token.subject === subjectOfClient(client.id);
      return isOwn
        ? accept(token, principalOfClient(client, token, scopes))
        : refused('credential_invalid', `sub of token ${token.id} is not its client`);
    }
    const open = await sessions.find(token.session, now);
    if (open === undefined)
      return refused('credential_revoked', `session ${token.session} of token ${token.id} has ended`);
    if (!isOfSession(token, open.session))
      return refused('credential_invalid', `token ${token.id} is not of session ${token.session}`);
    const { id, expiresAt } = token;
    return accept(token, principalOfSession(open, { kind: 'token', id, scopes, expiresAt }));
  };
}

/** Whether a client may still act for the tenants of its token. */
function mayActFor({ tenants }: Client, token: ProvenToken): boolean {
  return tenants === 'any' || token.tenants.every((tenant) => tenants.includes(tenant));
}

function isOfSession(
  token: ProvenToken,
  session: { readonly subject: string; readonly client?: string; readonly tenant: string },
): boolean {
  return (
    session.client === subjectOfClient(token.client) &&
    session.tenant === token.tenants[0] &&
    (token.subject === undefined || token.subject === session.subject)
  );
}

/** A client that acts for itself (RFC 6749 §4.4). */
function principalOfClient(client: Client, token: ProvenToken, scopes: readonly string[]): Principal {
  const subject = subjectOfClient(client.id);
  const tokenId = revocationIdOf({ kind: 'token', issuer: OWN_ISSUER, jti: token.id });
  return {
    kind: 'client',
    subject,
    client: subject,
    clientId: client.id,
    tenants: token.tenants,
    scopes: new Set(scopes),
    roles: new Set(),
    profile: {},
    method: 'token',
    issuedAt: token.issuedAt,
    expiresAt: token.expiresAt,
    credentialId: tokenId,
    revocationIds: [
      tokenId,
      revocationIdOf({ kind: 'client', client: subject }),
      revocationIdOf({ kind: 'subject', subject }),
    ],
  };
}
