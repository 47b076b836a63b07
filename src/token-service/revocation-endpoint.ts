import { hash } from 'node:crypto';
import type { OwnTokenReader, ProvenToken } from '../authentication/own-tokens.ts';
import { err } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import { type Client, subjectOfClient } from '../clients/client.ts';
import type { EndpointAnswer, EndpointCall, EndpointRecord } from '../endpoints/endpoint.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import { type RevocationId, type RevocationTarget, revocationIdOf } from '../revocation/revocation.ts';
import type { RevocationStore } from '../revocation/revocation-store.ts';
import type { SessionId } from '../sessions/session.ts';
import { OWN_ISSUER } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { AuthenticateClient } from './client-authentication.ts';
import { answerJson, answerRefusal, invalidRequest } from './oauth-answer.ts';
import { readParameters } from './parameters.ts';

export interface RevocationEndpointParts {
  readonly authenticate: AuthenticateClient;
  readonly readToken: OwnTokenReader;
  readonly sessions: Pick<SessionService, 'rotate' | 'find' | 'end'>;
  readonly tokens: Pick<TokenStore, 'remove'>;
  readonly revocations: Pick<RevocationStore, 'add'>;
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
}

/** Entries outlive their token by this much, since clocks of replicas differ. */
const ENTRY_MARGIN_MILLISECONDS = 300_000;

/**
 * The revocation endpoint (RFC 7009). A refresh token takes its session with it and so all access tokens of that; an access token goes alone. What
 * is unknown, dead already, or another client's is answered like a success (§2.2): it is of no use to the caller either way. Hints are
 * ignored, since our tokens say what they are. Throws `StoreUnavailable`.
 */
export function createRevocationEndpoint(
  parts: RevocationEndpointParts,
): (call: EndpointCall) => Promise<EndpointAnswer> {
  const { authenticate, readToken, sessions, tokens, revocations, logins, tenants } = parts;

  async function revokeRefreshToken(text: string, client: Client, call: EndpointCall) {
    const own = subjectOfClient(client.id);
    // Asked and always refused: it finds the session and changes nothing.
    const found = await sessions.rotate(
      new Secret(text),
      { ttl: 0, absolute: 0, idle: 0 },
      { kind: 'refresh', admit: () => err('to be revoked'), answer: async () => '' },
      call.now,
    );
    if (found.ok || found.error.kind !== 'refused' || found.error.session.client !== own) return undefined;
    await endSession(found.error.session.id, call);
    return revocationIdOf({ kind: 'session', id: found.error.session.id });
  }

  async function endSession(id: SessionId, call: EndpointCall): Promise<void> {
    const open = await sessions.find(id, call.now);
    await sessions.end(id);
    if (open === undefined) return;
    const { login, tenant } = open.session;
    const known = tenants.find(tenant);
    // Never throws; the client need not wait until the upstream has heard of it.
    if (known !== undefined) void logins.get(login)?.logOut(open.jar, known);
  }

  async function revokeAccessToken(
    token: ProvenToken,
    digest: string,
    client: Client,
    call: EndpointCall,
  ): Promise<RevocationId | undefined> {
    if (token.client !== client.id || call.now >= token.expiresAt) return undefined;
    const target: RevocationTarget = { kind: 'token', issuer: OWN_ISSUER, jti: token.id };
    // The entry comes first: replicas that remember the token learn of it.
    await revocations.add({
      target,
      expiresAt: token.expiresAt + ENTRY_MARGIN_MILLISECONDS,
      revokedAt: call.now,
      revokedBy: subjectOfClient(client.id),
      reason: 'revoked by its client',
    });
    await tokens.remove(digest);
    return revocationIdOf(target);
  }

  return async (call) => {
    const parameters = readParameters(call);
    if (!parameters.ok) return answerRefusal(parameters.error);
    const client = await authenticate(call, parameters.value);
    if (!client.ok) return answerRefusal(client.error);
    const text = parameters.value.get('token');
    if (text === undefined) return answerRefusal(invalidRequest('token is required').error);
    const digest = hash('sha256', text);
    const token = await readToken(text, digest, call.now);
    const revoked =
      token?.ok === true
        ? await revokeAccessToken(token.value, digest, client.value, call)
        : await revokeRefreshToken(text, client.value, call);
    return answerJson({}, recordOf(client.value, revoked));
  };
}

function recordOf(client: Client, revoked: RevocationId | undefined): EndpointRecord {
  return {
    decision: 'admitted',
    code: 'admitted',
    reason: revoked === undefined ? 'nothing of the client to revoke' : `revoked ${revoked}`,
    principal: { subject: subjectOfClient(client.id), credentialId: subjectOfClient(client.id) },
  };
}
