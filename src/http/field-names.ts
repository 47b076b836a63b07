/**
 * One spelling for all names that a server might take for the same: CGI-style servers turn every character that is
 * not a letter or digit into `_`, so `X_Tenant_Id`, `x-tenant.id` and `X-Tenant-Id` are one variable there.
 */
export function foldFieldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** Fields of one connection, never forwarded in either direction (RFC 9110 §7.6.1). Folded names. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Fields by which upstreams learn of the peer, the original URL, the method or a client certificate. A client's own
 * are removed; those that we vouch for are written anew. `proxy` is httpoxy. Folded names.
 */
const VOUCHED: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-originating-ip',
  'x-remote-ip',
  'x-remote-addr',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-original-method',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'client-cert',
  'client-cert-chain',
  'proxy',
  'x-envoy-external-address',
  'x-envoy-original-path',
]);

const VOUCHED_PREFIXES = [
  'x-forwarded-',
  'x-gatehouse-',
  'gatehouse-',
  'x-ssl-',
  'ssl-client-',
  'x-client-cert',
  'x-auth-request-',
] as const;

/** Credentials of every kind that we know (RFC 9421, RFC 9449 too): never forwarded unless the upstream is set to see them. Folded names. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'dpop', 'signature', 'signature-input']);

export function isVouchedField(folded: string): boolean {
  return VOUCHED.has(folded) || VOUCHED_PREFIXES.some((prefix) => folded.startsWith(prefix));
}

export function isCredentialField(folded: string): boolean {
  return CREDENTIALS.has(folded);
}
