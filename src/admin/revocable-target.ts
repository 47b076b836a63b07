import { parseApiKeyId } from '../api-keys/api-key.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import { parseClientId, subjectOfClient } from '../clients/client.ts';
import type { RevocationTarget } from '../revocation/revocation.ts';
import { OWN_ISSUER } from '../sessions/session-principal.ts';
import type { AdminContext } from './admin-context.ts';

type Parts = Pick<
  AdminContext,
  'keyService' | 'tenantService' | 'sessions' | 'clientService' | 'issuers' | 'logins'
>;

/**
 * A target with a typo in it would revoke nothing and look as if it had, so what can be looked up is. Tokens are
 * revoked under the name that the configuration gives their issuer; its `iss` is accepted too.
 */
export function createTargetCheck(
  parts: Parts,
): (target: RevocationTarget) => Promise<Result<RevocationTarget, Refusal>> {
  const { keyService, tenantService, clientService, sessions, issuers, logins } = parts;

  /** `user:ISSUER:ID`, with an issuer or a login of the configuration, or a client. Keys are revoked as keys. */
  async function isKnownSubject(subject: string): Promise<boolean> {
    const [kind, by, ...id] = subject.split(':');
    if (kind !== 'user') return isKnownClient(subject, ['client']);
    return id.join(':') !== '' && (isIssuer(by) || logins().some((name) => name === by));
  }

  /** `client:ISSUER:ID`, `client:ID` of a client of ours, or `key:ID` for a legacy client. */
  async function isKnownClient(client: string, kinds: readonly string[]): Promise<boolean> {
    const [kind = '', by = '', ...id] = client.split(':');
    if (!kinds.includes(kind)) return false;
    if (kind === 'key') {
      const keyId = id.length === 0 ? parseApiKeyId(by) : undefined;
      return keyId !== undefined && (await keyService.find(keyId)).ok;
    }
    return id.length === 0 ? isOwnClient(by) : id.join(':') !== '' && isIssuer(by);
  }

  /** What a client that was removed has left counts too. */
  async function isOwnClient(text: string): Promise<boolean> {
    const id = parseClientId(text);
    if (id === undefined) return false;
    if ((await clientService.find(id)).ok) return true;
    return (await sessions.list({ client: subjectOfClient(id), limit: 1 })).sessions.length > 0;
  }

  function isIssuer(text: string | undefined): boolean {
    return issuers().some(({ name }) => name === text);
  }

  return async (target) => {
    switch (target.kind) {
      case 'key':
        return targetIf(target, await keyService.find(target.id));
      case 'tenant':
      case 'tenantSessions':
        return targetIf(target, await tenantService.find(target.tenant));
      case 'token': {
        if (target.issuer === OWN_ISSUER) return ok(target);
        const found = issuers().find(
          ({ name, issuer }) => target.issuer === name || target.issuer === issuer,
        );
        return found === undefined ? noSuchIssuer() : ok({ ...target, issuer: found.name });
      }
      case 'subject':
        return (await isKnownSubject(target.subject)) ? ok(target) : badSubject(target.subject);
      case 'session':
        return targetIf(target, await sessions.find(target.id));
      case 'client':
      case 'clientSessions':
        return (await isKnownClient(target.client, ['client', 'key']))
          ? ok(target)
          : badClient(target.client);
      case 'tokenDigest':
        return ok(target);
    }
  };
}

function targetIf(
  target: RevocationTarget,
  found: Result<unknown, Refusal>,
): Result<RevocationTarget, Refusal> {
  return found.ok ? ok(target) : refusal('invalid', found.error.message);
}

function noSuchIssuer() {
  return refusal('invalid', 'The configuration has no such issuer.');
}

function badSubject(subject: string) {
  return refusal(
    'invalid',
    `${JSON.stringify(subject)} is not user:ISSUER:ID, user:LOGIN:TENANT:ID, client:ISSUER:ID or client:ID with an issuer or login of the configuration, or a client that there is.`,
  );
}

function badClient(client: string) {
  return refusal(
    'invalid',
    `${JSON.stringify(client)} is not client:ISSUER:ID with an issuer of the configuration, client:ID of a client that there is, or key:ID of a key.`,
  );
}
