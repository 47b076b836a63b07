import { createTokenJudge } from '../authentication/access-token-verifier.ts';
import type { FailureBudget } from '../authentication/failure-budget.ts';
import { audienceOf, createOwnTokenReader } from '../authentication/own-tokens.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Settings } from '../config/schema/config.ts';
import type { Endpoint, EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { Stores } from '../stores/stores.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createClientAuthentication } from './client-authentication.ts';
import { createClientCredentialsGrant } from './client-credentials-grant.ts';
import { openToListedOrigins } from './cross-origin.ts';
import { createIntrospectionEndpoint } from './introspection-endpoint.ts';
import { createMetadata } from './metadata.ts';
import { orUnavailable } from './oauth-answer.ts';
import { createPasswordGrant } from './password-grant.ts';
import { createRefreshGrant } from './refresh-grant.ts';
import { createRevocationCheck } from './revocation-check.ts';
import { createRevocationEndpoint } from './revocation-endpoint.ts';
import { createTokenEndpoint } from './token-endpoint.ts';

export interface TokenServiceParts {
  readonly settings: Pick<Settings, 'publicUrl' | 'tokens' | 'sessions' | 'store' | 'login' | 'issuers'>;
  readonly clients: ClientDirectory;
  readonly sessions: SessionService;
  readonly stores: Pick<Stores, 'tokens' | 'attempts' | 'revocations'>;
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: TenantDirectory;
  readonly revocations: RevocationList;
  readonly keyring: Keyring;
  readonly failureBudget: FailureBudget;
}

/** A JWT of 16 KiB and a password fit, form-encoded. */
const BODY_LIMIT_BYTES = 64 * 1024;

/**
 * The token service of one configuration generation, by path. It has to have a name of its own that no request can change, so without
 * `publicUrl` there is none.
 */
export function createTokenService(parts: TokenServiceParts): ReadonlyMap<string, Endpoint> {
  const { settings, clients, stores } = parts;
  const issuer = settings.publicUrl;
  const audience = audienceOf(settings);
  if (issuer === undefined || audience === undefined) return new Map();
  const tokenParts = { ...parts, tokens: stores.tokens };
  const isRevoked = createRevocationCheck(parts.revocations, settings.store.maxLag);
  const accessTokens = createAccessTokens(tokenParts);
  const shared = { ...tokenParts, accessTokens, isRevoked };
  const authenticate = createClientAuthentication({ ...shared, attempts: stores.attempts });
  const readToken = createOwnTokenReader(tokenParts);
  const token = createTokenEndpoint(authenticate, {
    client_credentials: createClientCredentialsGrant(shared),
    password: createPasswordGrant(shared),
    refresh_token: createRefreshGrant(shared),
  });
  const revoke = createRevocationEndpoint({
    ...tokenParts,
    revocations: stores.revocations,
    authenticate,
    readToken,
  });
  const introspect = createIntrospectionEndpoint({
    ...shared,
    authenticate,
    readToken,
    judge: createTokenJudge(parts),
    issuer,
    audience,
  });
  const { path } = settings.tokens;
  return new Map([
    ...createMetadata(settings, issuer),
    [`${path}/token`, openToListedOrigins(endpointOf('oauth-token', token), clients)],
    [`${path}/revoke`, openToListedOrigins(endpointOf('oauth-revoke', revoke), clients)],
    [`${path}/introspect`, endpointOf('oauth-introspect', introspect)],
  ]);
}

function endpointOf(id: string, answer: (call: EndpointCall) => Promise<EndpointAnswer>): Endpoint {
  return {
    id,
    methods: ['POST'],
    bodyLimit: BODY_LIMIT_BYTES,
    answer: (call) => orUnavailable(answer(call)),
  };
}
