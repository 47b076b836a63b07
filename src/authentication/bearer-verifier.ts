import type { AccessTokenVerifier } from './access-token-verifier.ts';
import type { Introspection } from './introspection.ts';
import { readIntrospection } from './introspection-answer.ts';
import type { Issuer, TenantsOfIssuer } from './issuer.ts';
import { createJwtVerifier } from './jwt-verifier.ts';
import { refused, type Verifiers } from './verifier.ts';

interface IntrospectingIssuer extends Issuer {
  readonly introspection: Introspection;
}

/** An opaque token as it may be in a field (RFC 6750 §2.1); long ones are no ids. */
const OPAQUE_TOKEN = /^[A-Za-z0-9\-._~+/]{1,4096}={0,2}$/;

/** Our own API keys and tokens (`ghk_`, `gha_`, …): whoever mixes fields up must not show them to an issuer. */
const OWN_CREDENTIAL = /^gh[a-z]_/;

/** Bearer tokens: our own first. Of those of external issuers, three parts are a JWT, anything else is asked about at its issuer. */
export function createBearerVerifier(
  issuers: readonly Issuer[],
  tenantsOfIssuer: TenantsOfIssuer,
  verifyOwn: AccessTokenVerifier,
): Verifiers['bearer'] {
  const verifyJwt = createJwtVerifier(issuers, tenantsOfIssuer);
  const introspecting = issuers.filter(
    (issuer) => issuer.introspection !== undefined,
  ) as IntrospectingIssuer[];

  return async (credential, digest, now) => {
    const token = credential.value.reveal();
    const own = await verifyOwn(token, digest, now);
    if (own !== undefined) return own;
    if (hasThreeParts(token)) return verifyJwt(token, now);
    if (!OPAQUE_TOKEN.test(token)) return refused('credential_invalid', 'token is malformed');
    if (OWN_CREDENTIAL.test(token)) {
      return refused(
        'credential_invalid',
        'a credential of the gateway itself was presented as a bearer token',
      );
    }
    const issuer = issuerOfOpaqueToken(token, introspecting);
    if (issuer === undefined) return refused('credential_invalid', 'no issuer introspects such a token');
    const answer = await issuer.introspection.ask(token);
    return readIntrospection(answer, token, issuer, tenantsOfIssuer, now);
  };
}

function hasThreeParts(token: string): boolean {
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  return first !== -1 && second !== -1 && !token.includes('.', second + 1);
}

/** The issuer with the longest prefix of the token. One without a prefix takes tokens only if no other introspects. */
function issuerOfOpaqueToken(
  token: string,
  introspecting: readonly IntrospectingIssuer[],
): IntrospectingIssuer | undefined {
  let best: IntrospectingIssuer | undefined;
  for (const issuer of introspecting) {
    const { prefix } = issuer.introspection;
    const isMeant = prefix === undefined ? introspecting.length === 1 : token.startsWith(prefix);
    if (isMeant && (prefix?.length ?? 0) >= (best?.introspection.prefix?.length ?? 0)) best = issuer;
  }
  return best;
}
