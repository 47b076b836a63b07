import type { EpochMilliseconds } from '../base/clock.ts';

/** A cookie that the upstream's login, or a later answer of it, gave us to keep (RFC 6265 §5.3). */
export interface KeptCookie {
  /** Name of the upstream. */
  readonly upstream: string;
  readonly name: string;
  readonly value: string;
  /** Of the upstream's own URL space, base path included. */
  readonly path: string;
  /** Exclusive; absent: as long as the session. */
  readonly expiresAt?: EpochMilliseconds;
  /** Grows by one each time the upstream sets it anew: an answer to an older request does not overwrite a newer one. */
  readonly version: number;
}

/** A field that a login's answer gave us to send, such as Authorization. */
export interface KeptField {
  readonly upstream: string;
  readonly name: string;
  readonly value: string;
}

/** What is kept of the upstream for one session and its tenant. Never reaches the client. Immutable. */
export interface Jar {
  readonly cookies: readonly KeptCookie[];
  readonly fields: readonly KeptField[];
}

export const EMPTY_JAR: Jar = { cookies: [], fields: [] };

/** A jar as the store has it: sealed with the session's id and tenant as associated data. */
export interface SealedJar {
  readonly sealed: string;
  readonly revision: number;
}
