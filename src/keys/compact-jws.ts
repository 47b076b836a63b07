import { sign } from 'node:crypto';
import type { Json } from '../principals/principal.ts';
import type { SigningKey } from './signing-key.ts';

/**
 * A strict compact JWS (RFC 7515 §7.1) with an explicit type (RFC 8725 §3.11), so that one kind of token can be taken for no
 * other. The signature of ES256 is R and S side by side (RFC 7518 §3.4), not DER.
 */
export function signCompact(
  type: string,
  claims: Readonly<Record<string, Json>>,
  { algorithm, kid, key }: SigningKey,
): string {
  const header = base64url(JSON.stringify({ alg: algorithm, typ: type, kid }));
  const input = `${header}.${base64url(JSON.stringify(claims))}`;
  const digest = algorithm === 'EdDSA' ? null : 'sha256';
  const signature = sign(digest, Buffer.from(input, 'latin1'), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}
