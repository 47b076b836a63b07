import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, type JWK, SignJWT } from 'jose';

export const TENANT = 'acme';
export const AUDIENCE = 'https://api.example.com';
export const ROLES = ['clerk', 'auditor'];
export const SCOPES = ['orders:read', 'orders:write'];
const KEY_ID = 'login-2026-11';
const TEN_YEARS_SECONDS = 10 * 365 * 24 * 3600;

/** Who signs the tokens of a target. */
export interface TokenIssuer {
  /** Its public key alone. */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** The same key, SPKI in PEM. */
  readonly publicKeyPem: string;
  /** Another token for each serial number. */
  sign(serial: number): Promise<string>;
}

/** The claims of an RFC 9068 access token. */
function accessToken(issuer: string, serial: number, algorithm: 'ES256' | 'HS256'): SignJWT {
  return new SignJWT({
    client_id: 'orders-sync',
    jti: `${serial}`.padStart(22, 'x'),
    tenant: TENANT,
    roles: ROLES,
    scope: SCOPES.join(' '),
  })
    .setProtectedHeader({ alg: algorithm, kid: KEY_ID, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject('auth0|9007199254740993')
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + TEN_YEARS_SECONDS);
}

/** ES256, with a key of its own. Tokens of about 510 bytes. */
export async function createTokenIssuer(issuer: string): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' };
  return {
    jwks: { keys: [jwk] },
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (serial) => accessToken(issuer, serial, 'ES256').sign(privateKey),
  };
}

/** The same claims under a shared secret of at least 32 bytes. */
export function signWithSecret(issuer: string, secret: string): Promise<string> {
  return accessToken(issuer, 0, 'HS256').sign(Buffer.from(secret));
}
