/** Chance that can be repeated: the same seed gives the same choices on every machine. Not for secrets. */
export interface Random {
  /** A whole number from 0 to `below - 1`. */
  integer(below: number): number;
  /** True in this share of all calls, 0 to 1. */
  chance(share: number): boolean;
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** A generator of its own, so that more choices here do not change those there. */
  fork(label: number): Random;
}

/** mulberry32: 32 bits of state are enough to tell cases apart. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }
  const integer = (below: number) => Math.floor(next() * below);
  return {
    integer,
    chance: (share) => next() < share,
    pick: (choices) => choices[integer(choices.length)] ?? choices[0],
    fork: (label) =>
      createRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(label + 1, 0xc2b2ae35)),
  };
}
