import { RESOURCES, SCOPE, TENANT_CLIENTS, type TenantName, type TokenFormat } from './clients.ts';

interface TokenRequest {
  readonly tokenEndpoint: string;
  readonly tenant: TenantName;
  readonly format: TokenFormat;
  /** Space-separated; all of the client's by default. */
  readonly scope?: string;
}

function accessTokenOf(answer: unknown): string | undefined {
  const token: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'access_token') : undefined;
  return typeof token === 'string' ? token : undefined;
}

/** An access token of the tenant's client by client_credentials (RFC 6749 §4.4). Throws when the issuer refuses. */
export async function fetchToken({
  tokenEndpoint,
  tenant,
  format,
  scope = SCOPE,
}: TokenRequest): Promise<string> {
  const { id, secret } = TENANT_CLIENTS[tenant];
  const response = await fetch(tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: RESOURCES[format], scope }),
  });
  const token = accessTokenOf(await response.json());
  if (token === undefined) throw new Error(`The issuer answered ${response.status} to ${id}`);
  return token;
}
