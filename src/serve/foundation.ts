import path from 'node:path';
import { type AuditStream, createAuditStream } from '../audit/audit-stream.ts';
import { createFailureBudget } from '../authentication/failure-budget.ts';
import type { Clock } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import { createObservations, type Observations } from '../gateway/observations.ts';
import type { Shared } from '../gateway/runtime.ts';
import { type EncryptionKeys, readEncryptionKeys } from '../keys/encryption-key.ts';
import { type Keyring, openKeyring } from '../keys/keyring.ts';
import { loadOrCreateLocalEncryptionKey } from '../keys/local-encryption-key.ts';
import { createRateLimiter } from '../limits/rate-limiter.ts';
import { createRevocationList } from '../revocation/revocation-list.ts';
import { createSessionService } from '../sessions/sessions.ts';
import { countStoreErrors } from '../telemetry/counted-stores.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createMetrics } from '../telemetry/prometheus.ts';
import { createPoolRegistry } from '../upstream/pool-registry.ts';
import { embeddedPathOf, openStores } from './open-stores.ts';

/** What stands below every generation of the configuration. */
export interface Foundation extends Shared {
  readonly audit: AuditStream;
  readonly keyring: Keyring;
  readonly metrics: Metrics;
  readonly observations: Observations;
  /** Folder of the embedded store's files; `undefined`: nothing is kept. */
  readonly dataFolder: string | undefined;
  close(): Promise<void>;
}

/** Opens the store and all that is read from it once. Throws with a sentence for the operator, and leaves nothing open. */
export async function openFoundation(settings: Settings, log: Log, clock: Clock): Promise<Foundation> {
  const metrics = createMetrics(clock);
  const storePath = embeddedPathOf(settings.store);
  const encryptionKeys = await encryptionKeysFor(settings, storePath);
  const stores = countStoreErrors(await openStores(settings.store, clock, log), metrics);
  const closers: (() => Promise<void> | void)[] = [() => stores.close()];
  async function close(): Promise<void> {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        log.error({ err: error }, 'something did not close');
      }
    }
  }
  try {
    const revocations = await createRevocationList({
      revocations: stores.revocations,
      changes: stores.changes,
      clock,
      log,
    });
    closers.push(() => revocations.close());
    metrics.gauge('revocations', () => revocations.size);
    metrics.gauge('revocation_lag', () => revocations.lag(clock()) / 1000);
    const keyring = await openKeyring({
      store: stores.keyring,
      changes: stores.changes,
      encryptionKeys,
      rotateEvery: settings.assertionKeys.rotateEvery,
      clock,
      log,
    });
    closers.push(() => keyring.close());
    const audit = createAuditStream({ store: stores.audit, log, metrics, clock, keep: settings.audit.keep });
    closers.push(() => audit.close());
    const pools = createPoolRegistry({ log, metrics });
    // The listener has drained: what is left here belongs to nobody.
    closers.push(() => pools.close(0));
    const rateLimiter = createRateLimiter({ store: stores.usages, clock, log });
    closers.push(() => rateLimiter.close());
    metrics.gauge('rate_limit_buckets', () => rateLimiter.size());
    metrics.gauge('rate_limits_alone', () => (rateLimiter.isAlone() ? 1 : 0));
    const sessions = createSessionService({ sessions: stores.sessions, encryptionKeys, clock, log });
    return {
      stores,
      sessions,
      keyring,
      pools,
      revocations,
      failureBudget: createFailureBudget(settings.limits.failedCredentials, rateLimiter),
      rateLimiter,
      log,
      metrics,
      clock,
      audit,
      observations: createObservations(),
      dataFolder: dataFolderOf(storePath),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function dataFolderOf(storePath: string | undefined): string | undefined {
  return storePath === undefined || storePath === ':memory:'
    ? undefined
    : path.dirname(path.resolve(storePath));
}

async function encryptionKeysFor(settings: Settings, storePath: string | undefined): Promise<EncryptionKeys> {
  const configured = readEncryptionKeys(settings.encryptionKeys);
  if (!configured.ok)
    throw new Error(
      configured.error
        .map((problem) => `${problem.path.join('.')}: found ${problem.found}, expected ${problem.expected}`)
        .join('\n'),
    );
  const [first, ...others] = configured.value;
  if (first !== undefined) return [first, ...others];
  if (storePath === undefined)
    throw new Error(
      'encryptionKeys: found none, expected at least one, which all replicas on one store share',
    );
  return [await loadOrCreateLocalEncryptionKey(storePath)];
}
