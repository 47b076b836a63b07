import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import type { AuditStore } from '../audit/audit-store.ts';
import type { ClientStore } from '../clients/client-store.ts';
import type { KeyringStore } from '../keys/keyring-store.ts';
import type { AttemptStore } from '../limits/attempt-store.ts';
import type { UsageStore } from '../limits/usage-store.ts';
import type { ReplayStore } from '../revocation/replay-store.ts';
import type { RevocationStore } from '../revocation/revocation-store.ts';
import type { SessionStore } from '../sessions/session-store.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import type { TenantStore } from '../tenants/tenant-store.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { ReplicaRegistry } from './replica-registry.ts';

/** The ports of one store, opened together. */
export interface Stores {
  readonly tenants: TenantStore;
  readonly apiKeys: ApiKeyStore;
  readonly revocations: RevocationStore;
  readonly keyring: KeyringStore;
  readonly replays: ReplayStore;
  readonly clients: ClientStore;
  readonly sessions: SessionStore;
  readonly tokens: TokenStore;
  readonly attempts: AttemptStore;
  readonly usages: UsageStore;
  readonly audit: AuditStore;
  readonly changes: ChangeFeed;
  readonly replicas: ReplicaRegistry;
  /** One cheap round trip. Throws `StoreUnavailable`. */
  ping(): Promise<void>;
  /** Finishes what is pending and lets go of files and sockets. Idempotent. */
  close(): Promise<void>;
}
