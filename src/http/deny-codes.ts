/**
 * The closed registry of refusals and failures that reach a client. A code is a contract: it never changes its
 * meaning. `owner` says who has to act: the client, the operator of the gateway, the upstream, or the gateway.
 */
export interface DenyCodeEntry {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 408
    | 409
    | 413
    | 414
    | 417
    | 421
    | 426
    | 429
    | 431
    | 500
    | 502
    | 503
    | 504;
  readonly title: string;
  readonly owner: 'client' | 'operator' | 'upstream' | 'gateway';
  /** For the reference in docs/; one or two sentences. */
  readonly meaning: string;
}

export const DENY_CODES = {
  request_malformed: {
    status: 400,
    title: 'Malformed request',
    owner: 'client',
    meaning: 'The message breaks HTTP framing or field grammar (RFC 9112). The connection is closed.',
  },
  host_invalid: {
    status: 400,
    title: 'Invalid Host',
    owner: 'client',
    meaning: 'Host is missing, given twice, or not a host name with an optional port.',
  },
  path_not_canonical: {
    status: 400,
    title: 'Ambiguous path',
    owner: 'client',
    meaning:
      'The request target could be read in two ways: dot segments, empty segments, a backslash, a fragment, an encoded slash, control bytes, double encoding, or not in origin form.',
  },
  route_not_found: {
    status: 404,
    title: 'Not found',
    owner: 'client',
    meaning: 'No route matches host and path.',
  },
  tenant_not_found: {
    status: 404,
    title: 'Not found',
    owner: 'client',
    meaning: 'The host has the shape of a tenant host, but no such tenant exists.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    owner: 'client',
    meaning:
      'The path has a route, but not for this method; Allow names those it has. TRACE, TRACK and CONNECT never have one.',
  },
  too_many_failures: {
    status: 429,
    title: 'Too many failed attempts',
    owner: 'client',
    meaning:
      'This address presented too many wrong credentials, or too many wrong secrets of this API key came, from whatever addresses. Retry-After says when it may try again.',
  },
  concurrency_limited: {
    status: 429,
    title: 'Too many requests at a time',
    owner: 'client',
    meaning:
      'The tenant or principal has as many requests, event streams and WebSockets open as `limits.concurrency` allows. Retry-After is set.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    owner: 'client',
    meaning:
      'A rate limit of the peer, the principal, the tenant or the route is used up. RateLimit-Policy and RateLimit name them all, Retry-After says when the next request may come.',
  },
  credential_missing: {
    status: 401,
    title: 'Authentication required',
    owner: 'client',
    meaning: 'The route needs a credential and none was presented.',
  },
  credential_ambiguous: {
    status: 400,
    title: 'Ambiguous credentials',
    owner: 'client',
    meaning:
      'One credential was presented twice, or two kinds that the route does not accept as a pair, or one in a place where it is never accepted.',
  },
  credential_invalid: {
    status: 401,
    title: 'Invalid credential',
    owner: 'client',
    meaning: 'The credential is unknown, malformed, wrong, or of a kind that the route does not accept.',
  },
  credential_expired: {
    status: 401,
    title: 'Expired credential',
    owner: 'client',
    meaning: 'The credential was right, but its time is over.',
  },
  credential_revoked: {
    status: 401,
    title: 'Revoked credential',
    owner: 'client',
    meaning: 'The credential was right, but it was taken back.',
  },
  tenant_mismatch: {
    status: 403,
    title: 'Tenant mismatch',
    owner: 'client',
    meaning: 'Two sources of the tenant (credential, host, path, field) disagree.',
  },
  tenant_unresolved: {
    status: 403,
    title: 'Tenant not determined',
    owner: 'client',
    meaning:
      'A source that the route requires is absent, or the credential belongs to several tenants and nothing selects one.',
  },
  tenant_suspended: {
    status: 403,
    title: 'Tenant suspended',
    owner: 'operator',
    meaning: 'The tenant is suspended.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    owner: 'client',
    meaning: 'The credential lacks a scope that the route requires (RFC 6750 section 3.1).',
  },
  peer_forbidden: {
    status: 403,
    title: 'Peer not allowed',
    owner: 'operator',
    meaning: 'The forward-auth listener was asked by a peer that is not in `listen.forwardAuth.peers`.',
  },
  csrf_rejected: {
    status: 403,
    title: 'Request not proven to be meant',
    owner: 'client',
    meaning:
      'A request with a session cookie that may change something, or a login, lacks the field Gatehouse-CSRF, or comes from a page of an origin that is not listed.',
  },
  reauthentication_required: {
    status: 409,
    title: 'Log in again',
    owner: 'client',
    meaning: 'The upstream needs a login of its own for the tenant that the session is to be switched to.',
  },
  origin_forbidden: {
    status: 403,
    title: 'Origin not allowed',
    owner: 'client',
    meaning: 'A page of this origin may not open a WebSocket here: the route does not list its Origin.',
  },
  handshake_invalid: {
    status: 400,
    title: 'Invalid WebSocket handshake',
    owner: 'client',
    meaning:
      'The request asks for a WebSocket in a way that RFC 6455 section 4.2.1 does not allow. The connection is closed.',
  },
  websocket_version_unsupported: {
    status: 426,
    title: 'WebSocket version not supported',
    owner: 'client',
    meaning: 'The request asks for a version of WebSocket other than 13. The connection is closed.',
  },
  role_missing: {
    status: 403,
    title: 'Role missing',
    owner: 'client',
    meaning: 'The principal has none of the roles that the route requires.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    owner: 'client',
    meaning: 'The request body is larger than the limit of the route, counted on the stream.',
  },
  target_too_long: {
    status: 414,
    title: 'Request target too long',
    owner: 'client',
    meaning: 'The request target is longer than the limit.',
  },
  fields_too_large: {
    status: 431,
    title: 'Header fields too large',
    owner: 'client',
    meaning: 'Too many header fields, or too large.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    owner: 'client',
    meaning: 'Expect carries something else than 100-continue.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    owner: 'client',
    meaning: 'The request did not arrive in time.',
  },
  overloaded: {
    status: 503,
    title: 'Temporarily unavailable',
    owner: 'operator',
    meaning:
      'More requests arrive than the process can answer in time (`limits.queueDelay`). No credential was looked at; the request is counted, and neither logged nor audited. Retry-After is set.',
  },
  store_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    owner: 'gateway',
    meaning: 'The store cannot be asked, so nothing can be said about the credential. Retry-After is set.',
  },
  issuer_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    owner: 'operator',
    meaning:
      'The keys or the introspection endpoint of the token issuer cannot be reached. Retry-After is set.',
  },
  identity_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    owner: 'gateway',
    meaning: 'The identity fields for the upstream could not be made, so the request was not forwarded.',
  },
  login_unavailable: {
    status: 503,
    title: 'Login unavailable',
    owner: 'upstream',
    meaning:
      'The upstream did not say whether the password is right: it is down, too slow, or answered with an error. Retry-After says when to try again.',
  },
  upstream_unavailable: {
    status: 502,
    title: 'Bad gateway',
    owner: 'upstream',
    meaning: 'The upstream refused the connection, broke it, or answered something that is not HTTP.',
  },
  upstream_timeout: {
    status: 504,
    title: 'Gateway timeout',
    owner: 'upstream',
    meaning: 'The upstream did not connect or answer in time.',
  },
  upstream_busy: {
    status: 503,
    title: 'Temporarily unavailable',
    owner: 'upstream',
    meaning:
      'Every connection to the upstream is in use (`upstreams.*.connections`), and none became free within `timeouts.connect`, or as many requests wait as `upstreams.*.queue` allows. Retry-After is set.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    owner: 'gateway',
    meaning: 'A fault of the gateway. The request was not admitted.',
  },
} as const satisfies Readonly<Record<string, DenyCodeEntry>>;

export type DenyCode = keyof typeof DENY_CODES;
