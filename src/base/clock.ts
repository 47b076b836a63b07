/** Seconds since the epoch, the NumericDate of RFC 7519 §2. May have a fraction. */
export type EpochSeconds = number;

/** Milliseconds since the epoch. */
export type EpochMilliseconds = number;

/** The source of time, passed in so that a test can travel. Milliseconds since the epoch. */
export type Clock = () => EpochMilliseconds;

export const systemClock: Clock = Date.now;

/** `exp` is exclusive: "on or after" it the token is dead (RFC 7519 §4.1.4). */
export function isExpired(exp: EpochSeconds, now: EpochSeconds, toleranceSeconds = 0): boolean {
  return now >= exp + toleranceSeconds;
}
