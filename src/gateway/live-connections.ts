import type { Logger } from 'pino';
import type { ApiKeyId } from '../api-keys/api-key.ts';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { parseClientId, subjectOfClient } from '../clients/client.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import type { Principal } from '../principals/principal.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import type { SessionId } from '../sessions/session.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { LongLivedKind, Metrics } from '../telemetry/metrics.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { checkLiveKeys, keyIdsOf } from './live-keys.ts';
import { checkLiveSessions, sessionIdsOf } from './live-sessions.ts';
import { createRecheck } from './recheck.ts';
import type { Runtime } from './runtime.ts';

/** Why the gateway ended a connection that both sides would have gone on with. */
export interface ClosingCause {
  readonly reason: 'revoked' | 'expired' | 'tenant' | 'shutdown';
  /** What a new request would be refused with; `admitted` where nothing was wrong with it. */
  readonly code: DenyCode | 'admitted';
  /** For people inside only. */
  readonly detail: string;
}

/** A connection that outlives the decision to admit it. */
export interface LiveConnection {
  readonly kind: LongLivedKind;
  /** None on public routes. */
  readonly principals: readonly Principal[];
  readonly tenant: TenantId | undefined;
  /** When its request came in. */
  readonly admittedAt: EpochMilliseconds;
  /** Ends it; it is forgotten already. Must not throw. */
  close(cause: ClosingCause): void;
}

/** Every WebSocket and event stream, each held to what admitted it for as long as it is open. */
export interface LiveConnections {
  /** From now on it is closed when it would not be admitted any more; at once, if that is so already. */
  add(connection: LiveConnection): void;
  /** It ended by itself. Without effect if it was closed. */
  remove(connection: LiveConnection, by: 'client' | 'upstream'): void;
  /** Closes all, and whatever is added later. */
  shutDown(): void;
  /** Ends timers and the subscription. */
  close(): void;
}

export interface LiveConnectionParts {
  readonly stores: { readonly apiKeys: ApiKeyStore; readonly changes: ChangeFeed };
  readonly revocations: RevocationList;
  readonly sessions: Pick<SessionService, 'find'>;
  readonly currentRuntime: () => Pick<Runtime, 'tenants' | 'clients' | 'settings'>;
  readonly metrics: Pick<Metrics, 'longLivedOpened' | 'longLivedClosed'>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** One timer looks after all connections: expiry, new configurations, and what could not be found out the last time. */
const TICK_MILLISECONDS = 250;
/** Changes that come in a burst are dealt with in one go. */
const GATHER_MILLISECONDS = 10;

const CLOSED_AT_ONCE = 100;

const SHUTDOWN: ClosingCause = { reason: 'shutdown', code: 'admitted', detail: 'the gateway stopped' };

/**
 * Follows the change feed. A revocation list that lags closes nothing: it admits nothing new either, and once it has
 * caught up, whatever was taken back meanwhile is closed.
 */
export function createLiveConnections(parts: LiveConnectionParts): LiveConnections {
  const { revocations, currentRuntime, metrics, clock } = parts;
  /** With the moment at which each expires; infinite if it does not. */
  const connections = new Map<LiveConnection, EpochMilliseconds>();
  /** To be closed, and forgotten already. */
  const doomed: [LiveConnection, ClosingCause][] = [];
  let closing: NodeJS.Immediate | undefined;
  let nextExpiry = Number.POSITIVE_INFINITY;
  let isSweepDue = false;
  /** When a key or a session changed last. */
  let changedAt = Number.NEGATIVE_INFINITY;
  let isShutDown = false;
  let seenRuntime = currentRuntime();
  let ticks: NodeJS.Timeout | undefined;
  let gathering: NodeJS.Timeout | undefined;

  const keys = createRecheck(
    (ids: ReadonlySet<ApiKeyId> | 'all') =>
      checkLiveKeys(ids, connections.keys(), {
        apiKeys: parts.stores.apiKeys,
        configured: currentRuntime().settings.apiKeys.keys,
        close: closeRevoked,
        expires: moveExpiry,
      }),
    (error) =>
      parts.log.error({ err: error }, 'the keys of open connections could not be checked; it is tried again'),
  );
  const sessions = createRecheck(
    (ids: ReadonlySet<SessionId> | 'all') =>
      checkLiveSessions(ids, connections.keys(), {
        sessions: parts.sessions,
        now: clock(),
        close: closeRevoked,
        expires: moveExpiry,
      }),
    (error) =>
      parts.log.error(
        { err: error },
        'the sessions of open connections could not be checked; it is tried again',
      ),
  );

  const unsubscribe = parts.stores.changes.subscribe((change) => {
    // While nothing is open nothing is noted: what is added later was decided on later, or is looked at then.
    const isAnybodyThere = connections.size > 0;
    switch (change.kind) {
      case 'apiKeyChanged':
        changedAt = clock();
        if (isAnybodyThere) keys.mark([change.id]);
        break;
      case 'sessionChanged':
        changedAt = clock();
        if (isAnybodyThere) sessions.mark([change.id]);
        break;
      case 'resynchronise':
        changedAt = clock();
        markEverything();
        break;
      case 'revocationAdded':
      case 'tenantChanged':
      case 'clientChanged':
        isSweepDue = true;
        break;
      // Neither takes anything back from what is open.
      case 'revocationRemoved':
      case 'keyringChanged':
        return;
    }
    checkSoon();
  });

  function markEverything(): void {
    keys.markAll();
    sessions.markAll();
    isSweepDue = true;
  }

  function closeRevoked(connection: LiveConnection, detail: string): void {
    closeOne(connection, { reason: 'revoked', code: 'credential_revoked', detail });
  }

  function moveExpiry(connection: LiveConnection, at: EpochMilliseconds): void {
    if (connections.has(connection)) hold(connection, at);
  }

  function checkSoon(): void {
    if (connections.size === 0) return;
    gathering ??= setTimeout(() => {
      gathering = undefined;
      check();
    }, GATHER_MILLISECONDS);
  }

  function check(): void {
    const runtime = currentRuntime();
    if (runtime !== seenRuntime) {
      seenRuntime = runtime;
      markEverything();
    }
    const now = clock();
    if (isSweepDue || now >= nextExpiry) sweep(now);
    keys.runIfDue();
    sessions.runIfDue();
  }

  function sweep(now: EpochMilliseconds): void {
    nextExpiry = Number.POSITIVE_INFINITY;
    for (const [connection, expiresAt] of connections) {
      const cause = causeToClose(connection, expiresAt, now);
      if (cause !== undefined) closeOne(connection, cause);
      else nextExpiry = Math.min(nextExpiry, expiresAt);
    }
    // As long as list, tenants or clients are being read anew, this sweep may have been made with what they held before.
    const { tenants, clients } = currentRuntime();
    isSweepDue =
      revocations.lag(now) === Number.POSITIVE_INFINITY || !tenants.isCurrent() || !clients.isCurrent();
  }

  function causeToClose(
    { principals, tenant }: LiveConnection,
    expiresAt: EpochMilliseconds,
    now: EpochMilliseconds,
  ): ClosingCause | undefined {
    if (isShutDown) return SHUTDOWN;
    for (const principal of principals) {
      if (isOfLostClient(principal, currentRuntime().clients)) {
        const detail = `client ${principal.clientId} is gone`;
        return { reason: 'revoked', code: 'credential_revoked', detail };
      }
      const revocation = revocations.find(principal, tenant, now);
      if (revocation === undefined) continue;
      const detail = `${principal.credentialId} is revoked as ${revocation.target.kind}`;
      return { reason: 'revoked', code: 'credential_revoked', detail };
    }
    if (now >= expiresAt)
      return { reason: 'expired', code: 'credential_expired', detail: 'the credential has expired' };
    if (tenant === undefined) return undefined;
    const known = currentRuntime().tenants.find(tenant);
    if (known === undefined)
      return { reason: 'tenant', code: 'tenant_mismatch', detail: `there is no tenant ${tenant} any more` };
    return known.status === 'suspended'
      ? { reason: 'tenant', code: 'tenant_suspended', detail: `${tenant} is suspended` }
      : undefined;
  }

  function hold(connection: LiveConnection, expiresAt: EpochMilliseconds): void {
    connections.set(connection, expiresAt);
    nextExpiry = Math.min(nextExpiry, expiresAt);
  }

  function closeOne(connection: LiveConnection, cause: ClosingCause): void {
    if (!forget(connection, cause.reason)) return;
    doomed.push([connection, cause]);
    closing ??= setImmediate(closeSome);
  }

  /** Thousands may go at once: other requests are let in between. */
  function closeSome(): void {
    for (const [connection, cause] of doomed.slice(0, CLOSED_AT_ONCE)) connection.close(cause);
    doomed.splice(0, CLOSED_AT_ONCE);
    closing = doomed.length > 0 ? setImmediate(closeSome) : undefined;
  }

  function forget(connection: LiveConnection, reason: Parameters<Metrics['longLivedClosed']>[1]): boolean {
    if (!connections.delete(connection)) return false;
    metrics.longLivedClosed(connection.kind, reason);
    if (connections.size === 0) {
      clearInterval(ticks);
      ticks = undefined;
    }
    return true;
  }

  return {
    add(connection) {
      const { principals, admittedAt } = connection;
      const now = clock();
      const expiresAt = Math.min(...principals.map(expiryOf));
      metrics.longLivedOpened(connection.kind);
      hold(connection, expiresAt);
      ticks ??= setInterval(check, TICK_MILLISECONDS).unref();
      const cause = causeToClose(connection, expiresAt, now);
      if (cause !== undefined) closeOne(connection, cause);
      // A key or session may have changed between the decision and now, when nobody looked for this connection.
      else if (admittedAt <= changedAt) {
        keys.mark(keyIdsOf(connection));
        sessions.mark(sessionIdsOf(connection));
        checkSoon();
      }
    },
    remove: (connection, by) => void forget(connection, by),
    shutDown() {
      isShutDown = true;
      sweep(clock());
    },
    close() {
      clearInterval(ticks);
      clearTimeout(gathering);
      unsubscribe();
    },
  };
}

function expiryOf({ expiresAt }: Principal): EpochMilliseconds {
  return expiresAt ?? Number.POSITIVE_INFINITY;
}

/** A client of ours that was there when its credential was looked at, and is not there any more. */
function isOfLostClient({ client, clientId }: Principal, clients: Pick<ClientDirectory, 'find'>): boolean {
  const id = clientId === undefined ? undefined : parseClientId(clientId);
  return id !== undefined && client === subjectOfClient(id) && clients.find(id) === undefined;
}
