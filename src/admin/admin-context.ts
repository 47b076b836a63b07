import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyService } from '../api-keys/key-service.ts';
import type { AuditStream } from '../audit/audit-stream.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import type { ClientService } from '../clients/client-service.ts';
import type { ExplainedRequest, Explanation } from '../gateway/explain.ts';
import type { Observation } from '../gateway/observations.ts';
import type { EncryptionKeyUse } from '../keys/encryption-key-use.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { SessionAdministration } from '../sessions/session-administration.ts';
import type { ReplicaReport } from '../stores/replica-registry.ts';
import type { Stores } from '../stores/stores.ts';
import type { Log } from '../telemetry/log.ts';
import type { CheckReport } from '../telemetry/readiness.ts';
import type { TenantService } from '../tenants/tenant-service.ts';
import type { AdminTokens } from './admin-tokens.ts';
import type { AdminRole } from './roles.ts';

/** What loading the configuration anew came to. `errors`: the lines that `gatehouse check` would print. */
export type ReloadReport = (
  | { readonly outcome: 'reloaded' | 'unchanged'; readonly revision: string }
  | {
      readonly outcome: 'refused';
      readonly revision: string;
      readonly errors: readonly string[];
      /** Nothing is wrong with the file: the gateway will try again by itself. */
      readonly isPassing?: true;
    }
) & {
  /** What it came to in each worker; absent where one process does all, and where the file was refused before they were asked. */
  readonly workers?: readonly WorkerReload[];
};

export interface WorkerReload {
  readonly pid: number;
  /** `silent`: it did not answer in time. */
  readonly outcome: 'reloaded' | 'unchanged' | 'refused' | 'silent';
}

/** One process that serves from the same store. */
export interface KnownReplica extends ReplicaReport {
  /** The one that answers. */
  readonly isSelf: boolean;
}

export interface StatusReport {
  readonly version: string;
  readonly startedAt: EpochMilliseconds;
  /** Of the configuration that is serving. */
  readonly configuration: {
    readonly file: string;
    readonly revision: string;
    readonly loadedAt: EpochMilliseconds;
    /** Why the newest file is not the one that is serving; empty if it is. */
    readonly errors: readonly string[];
  };
  /** Itself alone while the store cannot be asked. */
  readonly replicas: readonly KnownReplica[];
  /** Absent while the store cannot be asked. */
  readonly encryptionKeys?: readonly EncryptionKeyUse[];
  /** As `/readyz?verbose` tells them. */
  readonly checks: readonly CheckReport[];
}

/** What administration is built on; the composition root gives it. */
export interface AdminContext {
  readonly stores: Pick<
    Stores,
    'tenants' | 'clients' | 'apiKeys' | 'revocations' | 'keyring' | 'replays' | 'audit'
  >;
  readonly keyService: KeyService;
  readonly tenantService: TenantService;
  readonly keyring: Pick<Keyring, 'rotate' | 'reseal' | 'encryptionKeyUses' | 'problemWith'>;
  readonly sessions: SessionAdministration;
  readonly clientService: ClientService;
  /** Names of the login blocks of the serving configuration. */
  readonly logins: () => readonly string[];
  /** Issuers of the serving configuration: their names, and their `iss`. */
  readonly issuers: () => readonly { readonly name: string; readonly issuer: string }[];
  readonly reload: () => Promise<ReloadReport>;
  readonly status: () => Promise<StatusReport>;
  /** What observed routes would have refused since the start. */
  readonly observations: () => Promise<readonly Observation[]>;
  /** What the gateway would do with a request, which is not sent. */
  readonly explain: (request: ExplainedRequest) => Promise<Explanation>;
  readonly audit: Pick<AuditStream, 'record' | 'recordNow'>;
  readonly tokens: AdminTokens;
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that a token must have. A route without one does not register. */
    role?: AdminRole;
  }
}

export type AdminApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
