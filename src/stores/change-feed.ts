import type { ApiKeyId } from '../api-keys/api-key.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { ClientId } from '../clients/client.ts';
import type { Revocation, RevocationId } from '../revocation/revocation.ts';
import type { SessionId } from '../sessions/session.ts';
import type { TenantId } from '../tenants/tenant.ts';

/** Something that changes a decision. Announced in the same atomic step as the change itself. */
export type Change =
  | { readonly kind: 'apiKeyChanged'; readonly id: ApiKeyId }
  | { readonly kind: 'tenantChanged'; readonly id: TenantId }
  | { readonly kind: 'revocationAdded'; readonly revocation: Revocation }
  | { readonly kind: 'revocationRemoved'; readonly id: RevocationId }
  | { readonly kind: 'keyringChanged' }
  | { readonly kind: 'clientChanged'; readonly id: ClientId }
  | { readonly kind: 'sessionChanged'; readonly id: SessionId }
  /**
   * Changes may have been missed: whatever is remembered of the store is to be forgotten or read anew. Rewound: the store
   * has lost what it had acknowledged, so that what is remembered may be right where the store is not.
   */
  | { readonly kind: 'resynchronise'; readonly isRewound?: true };

export interface ChangeFeed {
  /**
   * Calls `listener` for each change from now on, in order, before the method that made the change resolves
   * where the change was made in this process. A listener that throws spoils neither the change nor other
   * listeners. The function returned ends the subscription.
   */
  subscribe(listener: (change: Change) => void): () => void;
  /**
   * Milliseconds, at `now`, since everything that the store had announced was certainly told here. 0 where store and
   * gateway are one process; grows while a remote store is silent.
   */
  lag(now: EpochMilliseconds): number;
}
