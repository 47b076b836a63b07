/** The issuer's clients: one per tenant, and the one that may introspect. All secrets here are demo data. */

export type TenantName = 'acme' | 'globex';

export interface TenantClient {
  readonly id: string;
  readonly secret: string;
  /** The claims that a token for this client carries beside the registered ones. */
  readonly claims: { readonly tid: TenantName; readonly roles: readonly string[] };
}

export const TENANT_CLIENTS: Readonly<Record<TenantName, TenantClient>> = {
  acme: { id: 'acme-erp', secret: 'acme-erp-demo-secret', claims: { tid: 'acme', roles: ['clerk'] } },
  globex: {
    id: 'globex-erp',
    secret: 'globex-erp-demo-secret',
    claims: { tid: 'globex', roles: ['clerk', 'admin'] },
  },
};

/** Who may ask about an opaque token (RFC 7662): the resource server's side. It gets no tokens itself. */
export const INTROSPECTION_CLIENT = { id: 'orders-gateway', secret: 'orders-gateway-demo-secret' } as const;

export const AUDIENCE = 'https://api.example.com';
export const SCOPE = 'orders:read orders:write';

/** The resource indicator (RFC 8707) that asks for each format. Both give tokens for the same audience. */
export const RESOURCES = { jwt: AUDIENCE, opaque: `${AUDIENCE}/opaque` } as const;

export type TokenFormat = keyof typeof RESOURCES;
