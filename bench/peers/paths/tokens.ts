import type { FieldChanges } from '../../load/request.ts';
import { createTokenIssuer, signWithSecret } from '../../targets/access-token.ts';
import type { Launch } from '../../targets/target.ts';

export const TOKEN_ISSUER = 'https://login.acme.example';

function bearer(token: string): FieldChanges {
  return { 'X-Api-Key': null, Authorization: `Bearer ${token}` };
}

type Presented = Pick<Launch, 'requests' | 'refused'>;

/** An ES256 token and the key that it is verified with; refused is the same under another key. */
export async function presentingEs256(
  issuer: string = TOKEN_ISSUER,
): Promise<Presented & { readonly jwks: object; readonly publicKeyPem: string }> {
  const login = await createTokenIssuer(issuer);
  const impostor = await createTokenIssuer(issuer);
  return {
    jwks: login.jwks,
    publicKeyPem: login.publicKeyPem,
    requests: [bearer(await login.sign(0))],
    refused: bearer(await impostor.sign(0)),
  };
}

/** An HS256 token of this secret. */
export async function presentingHs256(secret: string, other: string): Promise<Presented> {
  return {
    requests: [bearer(await signWithSecret(TOKEN_ISSUER, secret))],
    refused: bearer(await signWithSecret(TOKEN_ISSUER, other)),
  };
}
