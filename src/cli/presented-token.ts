import { createHash } from 'node:crypto';
import type { RevocationTarget } from '../revocation/revocation.ts';
import { CliFailure } from './failure.ts';

export interface PresentedToken {
  readonly target: RevocationTarget;
  /** When the entry may be forgotten; RFC 3339. */
  readonly expiresAt?: string;
}

/** Longer than any clock tolerance that makes sense; milliseconds. */
const MARGIN = 86_400_000;

/**
 * How a JWT is revoked: by issuer and `jti`, or else by SHA-256 of `header.payload`. Nothing is verified, and nothing of
 * it leaves this process but those. Throws `CliFailure`.
 */
export function readPresentedToken(token: string): PresentedToken {
  const [header, payload, signature, ...rest] = token.trim().split('.');
  const claims =
    payload === undefined || signature === undefined || rest.length > 0 ? undefined : decode(payload);
  if (claims === undefined) {
    throw new CliFailure(
      'This is no JWT. Revoke an opaque token by --token JTI --issuer NAME, or by --subject or --client.',
    );
  }
  const { iss, jti, exp } = claims;
  const expiry = typeof exp === 'number' && exp > 0 && exp < 8e12 ? new Date(exp * 1000 + MARGIN) : undefined;
  return {
    target:
      typeof jti === 'string' && typeof iss === 'string'
        ? { kind: 'token', issuer: iss, jti }
        : { kind: 'tokenDigest', digest: createHash('sha256').update(`${header}.${payload}`).digest('hex') },
    ...(expiry !== undefined && { expiresAt: expiry.toISOString() }),
  };
}

function decode(payload: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
