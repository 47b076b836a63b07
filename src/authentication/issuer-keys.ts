import type { Logger } from 'pino';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import type { IssuerSettings } from '../config/schema/config.ts';
import type { VerificationAlgorithm } from '../keys/algorithm.ts';
import { type KeySet, readKeySet, selectKey } from '../keys/jwks.ts';
import type { VerificationKey } from '../keys/jwks-admission.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { KeySource } from './key-source.ts';

export interface FoundKey {
  readonly key: VerificationKey;
  /** Names the key across issuers, as `onRemoved` is told it. */
  readonly id: string;
  /** Until when what it verified may be believed without asking again. Exclusive. */
  readonly usableUntil: EpochMilliseconds;
}

export interface IssuerKeysStatus {
  /** Keys in use. */
  readonly keys: number;
  /** Milliseconds since they were last fetched; absent: never. */
  readonly ageMilliseconds?: number;
  /** False once they may not be used any more, or never could. */
  readonly isUsable: boolean;
  /** True if the last fetch failed. */
  readonly isFailing: boolean;
}

export interface IssuerKeys {
  /**
   * The key that a token's header means; `undefined`: the issuer has none such. A key that is not known is fetched for, at most once per
   * cool-down, however many ask. Throws `Outage` when the issuer cannot be asked and what is known does not decide.
   */
  find(kid: string | undefined, algorithm: VerificationAlgorithm): Promise<FoundKey | undefined>;
  status(): IssuerKeysStatus;
  close(): void;
}

export interface IssuerKeysParts {
  readonly name: string;
  readonly source: KeySource;
  readonly settings: Pick<IssuerSettings, 'algorithms' | 'cooldown' | 'maxStale'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told the `id` of each key that left the key set. */
  readonly onRemoved: (id: string) => void;
  /** Time between background fetches. Default: 10 minutes. */
  readonly refreshEveryMilliseconds?: number;
}

const REFRESH_EVERY = 600_000;
/** While there are no keys at all every token is an outage, so the first ones are tried for more often than the cool-down says. */
const FIRST_KEYS_RETRY = 2_000;
const MIN_TIMER = 500;

interface KnownKeys {
  readonly keys: readonly VerificationKey[];
  readonly fetchedAt: EpochMilliseconds;
}

/** Begins to fetch at once, in the background: nobody waits for an issuer at start-up. */
export function createIssuerKeys(parts: IssuerKeysParts): IssuerKeys {
  const { name, source, settings, clock, log, metrics } = parts;
  const refreshEvery = Math.min(parts.refreshEveryMilliseconds ?? REFRESH_EVERY, settings.maxStale / 2);
  let known: KnownKeys | undefined;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  let isClosed = false;
  let pending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** Never rejects. One fetch at a time, shared by all who wait. */
  function refresh(): Promise<void> {
    pending ??= fetchKeys().finally(() => {
      pending = undefined;
      schedule();
    });
    return pending;
  }

  async function fetchKeys(): Promise<void> {
    attemptedAt = clock();
    try {
      const set = readKeySet(await source.load(), settings.algorithms);
      if (!set.ok) throw new Error(set.error);
      isFailing = false;
      metrics.keyFetch(name, 'ok');
      replaceKeys(set.value);
    } catch (error) {
      isFailing = true;
      // Closing ends a fetch that runs; that is no fault of the issuer.
      if (isClosed) return;
      metrics.keyFetch(name, 'failed');
      log.warn({ issuer: name, fault: describeFault(error) }, 'keys of an issuer could not be fetched');
    }
  }

  function replaceKeys(set: KeySet): void {
    for (const refused of set.refused)
      log.warn({ issuer: name, ...refused }, 'a key of an issuer is not used');
    if (set.keys.length === 0) log.warn({ issuer: name }, 'an issuer has no usable key');
    const before = known?.keys ?? [];
    known = { keys: set.keys, fetchedAt: clock() };
    for (const { fingerprint } of before) {
      if (!set.keys.some((key) => key.fingerprint === fingerprint)) parts.onRemoved(idOf(fingerprint));
    }
  }

  function idOf(fingerprint: string): string {
    return `${name}:${fingerprint}`;
  }

  /** Jitter, so that replicas that started together do not ask together. */
  function schedule(): void {
    clearTimeout(timer);
    if (isClosed) return;
    const delay = isFailing ? Math.min(retryAfter(), refreshEvery) : refreshEvery;
    timer = setTimeout(() => void refresh(), Math.max(delay, MIN_TIMER) * (0.9 + 0.2 * Math.random()));
    timer.unref();
  }

  function retryAfter(): number {
    return known === undefined ? Math.min(settings.cooldown, FIRST_KEYS_RETRY) : settings.cooldown;
  }

  function usableKeys(): KnownKeys | undefined {
    return known !== undefined && clock() < known.fetchedAt + settings.maxStale ? known : undefined;
  }

  function select(kid: string | undefined, algorithm: VerificationAlgorithm): FoundKey | undefined {
    const usable = usableKeys();
    const key = usable && selectKey(usable.keys, kid, algorithm);
    if (usable === undefined || key === undefined) return undefined;
    return { key, id: idOf(key.fingerprint), usableUntil: usable.fetchedAt + settings.maxStale };
  }

  // A fetch that runs may have read the old keys.
  const stopWatching = source.watch(() => void Promise.resolve(pending).then(() => refresh()));
  void refresh();

  return {
    async find(kid, algorithm) {
      const found = select(kid, algorithm);
      if (found !== undefined) return found;
      if (pending !== undefined || clock() - attemptedAt >= retryAfter()) await refresh();
      const fetched = select(kid, algorithm);
      if (fetched !== undefined) return fetched;
      if (usableKeys() === undefined)
        throw new Outage('issuer_unavailable', `issuer ${name}: no usable keys`);
      if (isFailing) {
        throw new Outage('issuer_unavailable', `issuer ${name}: unknown key, and its keys cannot be fetched`);
      }
      return undefined;
    },
    status() {
      return {
        keys: known?.keys.length ?? 0,
        ...(known !== undefined && { ageMilliseconds: clock() - known.fetchedAt }),
        isUsable: usableKeys() !== undefined,
        isFailing,
      };
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      stopWatching();
    },
  };
}

/** Message and code, for the log. Neither holds a secret: requests for keys carry none. */
function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown fault';
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message}${code}`;
}
