import type { EpochMilliseconds } from '../base/clock.ts';
import type { AttemptRate } from '../limits/attempt-store.ts';
import type { AppliedLimit } from './rate-limits.ts';

/** A member of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): quota, and window in seconds. */
export function policyOf(name: string, { count, windowMilliseconds }: AttemptRate): string {
  return `"${name}";q=${count};w=${Math.ceil(windowMilliseconds / 1000)}`;
}

/**
 * RateLimit-Policy and RateLimit as name, value …; `undefined`: no limit applies. `r`: requests that are left; `t`: seconds until all are
 * there again, or, where none is left, until the next one.
 */
export function rateLimitFields(
  first: readonly AppliedLimit[],
  second: readonly AppliedLimit[],
  now: EpochMilliseconds,
): readonly string[] | undefined {
  if (first.length === 0 && second.length === 0) return undefined;
  let policies = '';
  let states = '';
  for (const limits of [first, second]) {
    for (const limit of limits) {
      const separator = policies === '' ? '' : ', ';
      policies += separator + limit.policy;
      states += separator + stateOf(limit, now);
    }
  }
  return ['RateLimit-Policy', policies, 'RateLimit', states];
}

function stateOf({ name, rate, bucket }: AppliedLimit, now: EpochMilliseconds): string {
  const remaining = bucket.remaining(rate, now);
  const milliseconds = remaining === 0 ? bucket.waitFor(rate, now) : bucket.fullIn(rate, now);
  return `"${name}";r=${remaining};t=${Math.ceil(milliseconds / 1000)}`;
}

/** For people: `principal: 600 in 60 s, 599 left`. */
export function describeLimit({ name, rate, bucket }: AppliedLimit, now: EpochMilliseconds): string {
  const left = bucket.remaining(rate, now);
  return `${name}: ${rate.count} in ${rate.windowMilliseconds / 1000} s, ${left} left`;
}
