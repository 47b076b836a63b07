import { peerKey } from '../authentication/failure-budget.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { escapeKeyPart } from '../base/key-part.ts';
import type { Settings } from '../config/schema/config.ts';
import type { AttemptRate, AttemptStore } from '../limits/attempt-store.ts';
import type { TenantId } from '../tenants/tenant.ts';

/** Who tries. */
export interface Guess {
  /** Whose login is asked. Several login blocks of one upstream are several ways to guess the same password. */
  readonly upstream: string;
  /** In whose database the name is looked up; `undefined`: all tenants share one. */
  readonly tenant: TenantId | undefined;
  readonly username: string;
  readonly peer: string;
  readonly now: EpochMilliseconds;
}

export type TakenAttempt =
  /** The upstream may be asked. `giveBack`: it was no wrong password. */
  | { readonly kind: 'taken'; giveBack(): Promise<void> }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number; readonly by: 'user' | 'peer' };

/** Counts wrong passwords over all replicas. */
export interface LoginAttempts {
  /**
   * Counts the attempt as if it had failed, before the upstream is asked: of many at once, no more than the limit get through. Throws
   * `StoreUnavailable`.
   */
  take(guess: Guess): Promise<TakenAttempt>;
}

interface Bucket {
  readonly by: 'user' | 'peer';
  readonly key: string;
  readonly rate: AttemptRate;
}

export function createLoginAttempts(
  store: AttemptStore,
  rates: Settings['sessions']['failedLogins'],
): LoginAttempts {
  return {
    async take(guess) {
      const buckets: readonly Bucket[] = [
        // First, so that a peer that is turned away cannot lock users out.
        { by: 'peer', key: `login:peer:${escapeKeyPart(peerKey(guess.peer))}`, rate: rates.perPeer },
        { by: 'user', key: userKeyOf(guess), rate: rates.perUser },
      ];
      const taken: Bucket[] = [];
      const giveBack = async () => {
        await Promise.all(taken.map(({ key, rate }) => store.giveBack(key, rate, guess.now)));
      };
      for (const bucket of buckets) {
        const outcome = await store.take(bucket.key, bucket.rate, guess.now);
        if (outcome.kind === 'exhausted') {
          // Nothing was tried.
          await giveBack();
          const retryAfterSeconds = Math.max(1, Math.ceil(outcome.retryAfterMilliseconds / 1000));
          return { kind: 'throttled', retryAfterSeconds, by: bucket.by };
        }
        taken.push(bucket);
      }
      return { kind: 'taken', giveBack };
    },
  };
}

/** An empty part is no tenant id, and so stands for none. */
function userKeyOf({ upstream, tenant, username }: Guess): string {
  const parts = [upstream, tenant ?? '', canonicalUsername(username)];
  return `login:user:${parts.map(escapeKeyPart).join(':')}`;
}

/** Accents, and what nobody sees: joiners, soft hyphens, variation selectors. */
const PASSED_OVER = /[\p{Mn}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * The spelling under which guesses are counted: upstreams that take `ADMIN`, `admin `, `ａdmin` and `ádmin` for one user, as databases
 * do by their collation, must not give four times as many. Upper case first, which makes one of `ß` and `ss`. Never who somebody is.
 */
function canonicalUsername(username: string): string {
  return username.normalize('NFKD').replace(PASSED_OVER, '').trim().toUpperCase().toLowerCase();
}
