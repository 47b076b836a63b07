import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyService } from '../api-keys/key-service.ts';
import type { AuditStream } from '../audit/audit-stream.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import type { ExplainedRequest, Explanation } from '../gateway/explain.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Stores } from '../stores/stores.ts';
import type { Log } from '../telemetry/log.ts';
import type { CheckReport } from '../telemetry/readiness.ts';
import type { TenantService } from '../tenants/tenant-service.ts';
import type { AdminTokens } from './admin-tokens.ts';

/** What loading the configuration anew came to. `errors`: the lines that `gatehouse check` would print. */
export type ReloadReport =
  | { readonly outcome: 'reloaded' | 'unchanged'; readonly revision: string }
  | { readonly outcome: 'refused'; readonly revision: string; readonly errors: readonly string[] };

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
  /** As `/readyz?verbose` tells them. */
  readonly checks: readonly CheckReport[];
}

/** What administration is built on; the composition root gives it. */
export interface AdminContext {
  readonly stores: Pick<Stores, 'revocations' | 'keyring' | 'audit'>;
  readonly keyService: KeyService;
  readonly tenantService: TenantService;
  readonly keyring: Pick<Keyring, 'rotate'>;
  /** Issuers of the serving configuration: their names, and their `iss`. */
  readonly issuers: () => readonly { readonly name: string; readonly issuer: string }[];
  readonly reload: () => Promise<ReloadReport>;
  readonly status: () => Promise<StatusReport>;
  /** What the gateway would do with a request, which is not sent. */
  readonly explain: (request: ExplainedRequest) => Promise<Explanation>;
  readonly audit: Pick<AuditStream, 'record' | 'recordNow'>;
  readonly tokens: AdminTokens;
  readonly log: Log;
  readonly clock: Clock;
}

export type AdminApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
