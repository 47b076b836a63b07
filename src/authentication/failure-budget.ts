import { isIPv6 } from 'node:net';
import type { EpochMilliseconds } from '../base/clock.ts';
import { escapeKeyPart } from '../base/key-part.ts';
import type { AttemptRate } from '../limits/attempt-store.ts';
import type { RateBuckets } from '../limits/rate-buckets.ts';

/** Wrong credentials per peer, of all replicas together, so that guessing is stopped before any signature is checked. */
export interface FailureBudget {
  /** Seconds (at least 1) after which the peer may try again; `undefined`: it may now. Changes nothing. */
  isExhausted(peer: string, now: EpochMilliseconds): number | undefined;
  /**
   * `guessed`: the public id of the key whose secret was wrong. Seconds if too many wrong ones of that key came, from whatever peers:
   * whoever guesses is told to wait. The right key passes all the same, since anyone who knows an id could lock it out.
   */
  recordFailure(peer: string, now: EpochMilliseconds, guessed?: string): number | undefined;
  /**
   * A peer has at most as many checks under way as failures left, or many at once would try more than it has. `undefined`: there is room.
   * Else a promise of it, with which a check has begun, and must be ended.
   */
  turn(peer: string, now: EpochMilliseconds): Promise<void> | undefined;
  /** A check that takes time begins. */
  beginCheck(peer: string): void;
  /** After its failure, if it was one, was recorded. */
  endCheck(peer: string, now: EpochMilliseconds): void;
}

/** As of client secrets. */
const FAILURES_PER_KEY: AttemptRate = { count: 100, windowMilliseconds: 3_600_000 };

interface Checks {
  running: number;
  readonly waiting: (() => void)[];
}

/** A leaky bucket: `rate.count` failures at once, forgiven evenly over the window. A success forgives nothing. */
export function createFailureBudget(rate: AttemptRate, buckets: RateBuckets): FailureBudget {
  const checks = new Map<string, Checks>();
  // Until somebody fails nobody needs to be looked up.
  let hasFailures = buckets.size() > 0;

  const bucketOf = (peer: string) =>
    hasFailures ? buckets.find(`failures:${escapeKeyPart(peerKey(peer))}`) : undefined;

  /** Seconds until one may be taken, if there is none to take. */
  function take(key: string, each: AttemptRate, now: EpochMilliseconds): number | undefined {
    const bucket = buckets.bucketOf(key, each, now);
    const wait = bucket.waitFor(each, now);
    if (wait > 0) return Math.ceil(wait / 1000);
    buckets.use(bucket, each, now);
    return undefined;
  }

  /** Once no failure is left all go on, to be refused. */
  function wake(of: Checks, left: number): void {
    const room = left === 0 ? of.waiting.length : Math.max(0, left - of.running);
    for (const goOn of of.waiting.splice(0, room)) {
      of.running += 1;
      goOn();
    }
  }

  return {
    isExhausted(peer, now) {
      const wait = bucketOf(peer)?.waitFor(rate, now) ?? 0;
      return wait > 0 ? Math.ceil(wait / 1000) : undefined;
    },
    recordFailure(peer, now, guessed) {
      hasFailures = true;
      take(`failures:${escapeKeyPart(peerKey(peer))}`, rate, now);
      return guessed === undefined
        ? undefined
        : take(`guessed-key:${escapeKeyPart(guessed)}`, FAILURES_PER_KEY, now);
    },
    turn(peer, now) {
      const of = checks.size === 0 ? undefined : checks.get(peerKey(peer));
      if (of === undefined) return undefined;
      const left = bucketOf(peer)?.remaining(rate, now) ?? rate.count;
      if (of.running < left) return undefined;
      return new Promise((resolve) => of.waiting.push(resolve));
    },
    beginCheck(peer) {
      const key = peerKey(peer);
      const of = checks.get(key);
      if (of === undefined) checks.set(key, { running: 1, waiting: [] });
      else of.running += 1;
    },
    endCheck(peer, now) {
      const key = peerKey(peer);
      const of = checks.get(key);
      if (of === undefined) return;
      of.running -= 1;
      wake(of, bucketOf(peer)?.remaining(rate, now) ?? rate.count);
      if (of.running === 0) checks.delete(key);
    },
  };
}

/**
 * What counts as one peer: an IPv4 address, also where a dual-stack socket wraps it in IPv6, or an IPv6 /64, since whoever
 * has one address of it has all. Any other text (a Unix socket) stands for itself.
 */
export function peerKey(peer: string): string {
  if (!peer.includes(':')) return peer;
  const address = peer.includes('%') ? peer.slice(0, peer.indexOf('%')) : peer;
  if (!isIPv6(address)) return address;
  const groups = expandIpv6(address);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight groups of a valid IPv6 address. */
function expandIpv6(address: string): readonly number[] {
  const [head = '', tail] = address.split('::');
  const before = readGroups(head);
  if (tail === undefined) return before;
  const after = readGroups(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function readGroups(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
