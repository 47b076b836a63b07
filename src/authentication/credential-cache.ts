import { LRUCache } from 'lru-cache';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Accepted, Refused, Verification } from './verifier.ts';

/**
 * Verified credentials of one kind, by digest; the credential itself is never kept. Refusals have a room of their own, so that wrong credentials
 * cannot push right ones out.
 */
export interface CredentialCache {
  /** What is remembered and still holds. One look-up; an accepted one whose principal has expired is returned all the same. */
  find(digest: string, now: EpochMilliseconds): Verification | undefined;
  /**
   * Verifies and remembers. All who ask for one digest at a time share one verification. If something changed while it ran, it runs
   * again, and what a change overtook is never remembered. What `verify` throws is thrown to all and not remembered.
   */
  fill(digest: string, verify: () => Promise<Verification>): Promise<Verification>;
  /** Forgets what depends on this, and every refusal: what was unknown may be known now. */
  changed(dependency: string): void;
  /** Forgets everything, since any of it may have changed. */
  forgetAll(): void;
  /** Accepted credentials that are held. */
  size(): number;
}

const MAX_REFUSALS = 10_000;
/** A verification that was overtaken this often is answered, unremembered: changes must not starve it. */
const MAX_TRIES = 3;

export function createCredentialCache(maxEntries: number): CredentialCache {
  const dependants = new Map<string, Set<string>>();
  /** When each dependency changed last, by generation; kept only while a verification runs that it may have overtaken. */
  const changes = new Map<string, number>();
  const accepted = new LRUCache<string, Accepted>({
    max: maxEntries,
    dispose: (verification, digest) => forgetDependant(verification, digest),
  });
  const refusals = new LRUCache<string, Refused>({ max: Math.min(maxEntries, MAX_REFUSALS) });
  const pending = new Map<string, Promise<Verification>>();
  let generation = 0;
  let forgottenAt = 0;
  let running = 0;

  function forgetDependant({ dependsOn = [] }: Accepted, digest: string): void {
    for (const dependency of dependsOn) {
      const digests = dependants.get(dependency);
      digests?.delete(digest);
      if (digests?.size === 0) dependants.delete(dependency);
    }
  }

  function remember(digest: string, verification: Verification): void {
    if (verification.kind === 'refused') {
      accepted.delete(digest);
      if (verification.reusableUntil !== undefined) refusals.set(digest, verification);
      return;
    }
    refusals.delete(digest);
    // Deleted first: `dispose` of the old entry must not run after the new one was noted.
    accepted.delete(digest);
    accepted.set(digest, verification);
    for (const dependency of verification.dependsOn ?? []) {
      const digests = dependants.get(dependency);
      if (digests === undefined) dependants.set(dependency, new Set([digest]));
      else digests.add(digest);
    }
  }

  /** Whether something that it rests on may have changed while it ran. A refusal rests on everything: the unknown may be known now. */
  function isOvertaken(verification: Verification, began: number): boolean {
    if (verification.kind === 'refused') return generation > began;
    if (forgottenAt > began) return true;
    return verification.dependsOn?.some((dependency) => (changes.get(dependency) ?? 0) > began) ?? false;
  }

  async function verifyAndRemember(
    digest: string,
    verify: () => Promise<Verification>,
  ): Promise<Verification> {
    running += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        const began = generation;
        const verification = await verify();
        if (!isOvertaken(verification, began)) {
          remember(digest, verification);
          return verification;
        }
        if (tries === MAX_TRIES) return verification;
      }
    } finally {
      running -= 1;
      if (running === 0) changes.clear();
    }
  }

  return {
    find(digest, now) {
      const hit = accepted.get(digest);
      if (hit !== undefined) return isReusable(hit, now) ? hit : undefined;
      const refusal = refusals.get(digest);
      return refusal !== undefined && isReusable(refusal, now) ? refusal : undefined;
    },
    fill(digest, verify) {
      const shared = pending.get(digest);
      if (shared !== undefined) return shared;
      const filling = verifyAndRemember(digest, verify).finally(() => {
        if (pending.get(digest) === filling) pending.delete(digest);
      });
      pending.set(digest, filling);
      return filling;
    },
    changed(dependency) {
      generation += 1;
      if (running > 0) changes.set(dependency, generation);
      // Whoever asks from now on must not be answered by a verification that began before the change.
      pending.clear();
      refusals.clear();
      for (const digest of dependants.get(dependency) ?? []) accepted.delete(digest);
    },
    forgetAll() {
      generation += 1;
      forgottenAt = generation;
      pending.clear();
      refusals.clear();
      accepted.clear();
    },
    size: () => accepted.size,
  };
}

function isReusable(verification: Verification, now: EpochMilliseconds): boolean {
  if (verification.reusableUntil !== undefined && now >= verification.reusableUntil) return false;
  return verification.kind === 'refused' || verification.isStillBound?.() !== false;
}
