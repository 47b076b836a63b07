import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Rate } from '../config/schema/scalars.ts';

/** Wrong credentials per peer, so that guessing is stopped before any signature is checked. */
export interface FailureBudget {
  /** Seconds (at least 1) after which the peer may try again; `undefined`: it may now. Changes nothing. */
  isExhausted(peer: string, now: EpochMilliseconds): number | undefined;
  recordFailure(peer: string, now: EpochMilliseconds): void;
}

interface Debt {
  /** Failures not yet forgiven at `at`. */
  readonly failures: number;
  readonly at: EpochMilliseconds;
}

const MAX_PEERS = 100_000;

/** A leaky bucket: `rate.count` failures at once, forgiven evenly over the window. A success forgives nothing. */
export function createFailureBudget(rate: Rate): FailureBudget {
  const debts = new LRUCache<string, Debt>({ max: MAX_PEERS });
  const millisecondsPerFailure = rate.windowMilliseconds / rate.count;

  function owed(debt: Debt | undefined, now: EpochMilliseconds): number {
    if (debt === undefined) return 0;
    const elapsed = Math.max(0, now - debt.at);
    return Math.max(0, debt.failures - elapsed / millisecondsPerFailure);
  }

  return {
    isExhausted(peer, now) {
      if (debts.size === 0) return undefined;
      const excess = owed(debts.peek(peerKey(peer)), now) + 1 - rate.count;
      // Below a millionth of a failure is a rounding error, not a debt.
      return excess > 1e-6 ? Math.ceil((excess * millisecondsPerFailure) / 1000) : undefined;
    },
    recordFailure(peer, now) {
      const key = peerKey(peer);
      const failures = Math.min(rate.count, owed(debts.peek(key), now) + 1);
      debts.set(key, { failures, at: now });
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
