/** Asymmetric algorithms that our own keys sign with (RFC 7518 §3.1, RFC 8037 §3.1). */
export const SIGNING_ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** Algorithms that a token of an external issuer may be signed with. No symmetric one, and no `none`. */
export const VERIFICATION_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const;
export type VerificationAlgorithm = (typeof VERIFICATION_ALGORITHMS)[number];
