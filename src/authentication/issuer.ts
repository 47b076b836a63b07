import type { IssuerSettings } from '../config/schema/config.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { Introspection } from './introspection.ts';
import type { IssuerKeys } from './issuer-keys.ts';

/** One external issuer of bearer tokens: its rules, and where its word is checked. */
export interface Issuer {
  /** Name of its entry in the configuration; namespaces its subjects. */
  readonly name: string;
  readonly settings: IssuerSettings;
  /** Absent: none of its JWTs is accepted. */
  readonly keys: IssuerKeys | undefined;
  /** Absent: none of its opaque tokens is accepted. */
  readonly introspection: Introspection | undefined;
}

/** The tenants that list an issuer right now: the only ones that its tokens may speak for. */
export type TenantsOfIssuer = (issuerName: string) => ReadonlySet<TenantId>;
