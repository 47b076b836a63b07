import type { EpochMilliseconds } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import type { Principal } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';

/** The effective tenant of a request, with what an upstream may be told of it. */
export interface EffectiveTenant {
  readonly id: TenantId;
  readonly name: string;
  readonly credentials: Readonly<Record<string, Secret>>;
}

/** What the identity of one forwarded request is made of. */
export interface IdentityContext {
  /** Who acts; `undefined` on public routes. Its object identity stands for credential, revision and config generation in caches. */
  readonly principal: Principal | undefined;
  /** The key that identifies the client, where a pair was presented. */
  readonly clientPrincipal: Principal | undefined;
  readonly tenant: EffectiveTenant | undefined;
  /** Without a principal: the tenant's own upstream credentials are sent all the same, since the route says so. */
  readonly lendsTenantCredentials: boolean;
  readonly now: EpochMilliseconds;
  /** The message as the upstream will get it; bound by the request signature. */
  readonly method: string;
  /** Value of the forwarded Host field. */
  readonly authority: string;
  /** Path as sent, without query. */
  readonly path: string;
  /** Query as sent, without `?`; empty if there is none. */
  readonly query: string;
  /** The client's Content-Digest field value (RFC 9530), if it sent exactly one. */
  readonly contentDigest: string | undefined;
}

/** Writes the identity towards one upstream. Compiled once per configuration. */
export interface IdentityWriter {
  /** Names of every field that it may write, as configured: all of them are removed from what the client sent. */
  readonly fieldNames: readonly string[];
  /**
   * Appends name, value, name, value … to `fields`. Synchronous: nothing is looked up and nothing signed twice.
   * Throws `Outage('identity_unavailable')` if something that is configured cannot be made; then nothing may leave.
   */
  write(context: IdentityContext, fields: string[]): void;
}
