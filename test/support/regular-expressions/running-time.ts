import { parseExpression, type Tree } from './tree.ts';

/** Bounded repetitions past this are as good as this: a bound is no loop. */
const LONGEST_BOUND = 70;

/** Glushkov's automaton: a place per letter of the expression, an edge where one may follow the other. */
interface Automaton {
  /** A bit per letter. */
  readonly letters: bigint[];
  readonly follows: Set<number>[];
  /** Whether `$` or a look-around can refuse what was matched. */
  canRefuse: boolean;
  /** A repetition of what repeats itself already: `(a*)*`. */
  fault: string | undefined;
}

interface Part {
  readonly first: readonly number[];
  /** Of them what may also come behind something, where `^` stands in the way of none. */
  readonly inner: readonly number[];
  readonly last: readonly number[];
  readonly isEmpty: boolean;
  readonly isInnerEmpty: boolean;
}

const EMPTY: Part = { first: [], inner: [], last: [], isEmpty: true, isInnerEmpty: true };

/**
 * Why a backtracking matcher may need more than time in proportion to the text (Weber and Seidl: two loops that read the same, one of them
 * reachable from the other while both go round); `undefined`: it never does. Cautious: look-arounds are taken for nothing and judged by themselves.
 */
export function superLinear(source: string, flags: string): string | undefined {
  // A rest that may be anything never fails.
  const isOpen = flags.includes('s') && /(?<!\\)\.\*\)?\$$/.test(source);
  return judge(parseExpression(isOpen ? source.slice(0, -1) : source, flags), flags.includes('y'));
}

function judge(tree: Tree, isAnchored: boolean): string | undefined {
  const automaton: Automaton = { letters: [], follows: [], canRefuse: false, fault: undefined };
  const looks: Tree[] = [];
  const whole = build(tree, automaton, looks, false);
  if (automaton.fault !== undefined) return automaton.fault;
  for (const look of looks) {
    const fault = judge(look, true);
    if (fault !== undefined) return fault;
  }
  // A search begins anew at every letter: a loop over anything, before the expression.
  if (!isAnchored) {
    const start = automaton.letters.push(-1n) - 1;
    automaton.follows.push(new Set([start, ...whole.inner]));
  }
  const accepting = new Set(automaton.canRefuse ? [] : whole.last);
  return loopsTwice(automaton) ?? loopsBehindLoop(automaton, accepting);
}

function build(tree: Tree, automaton: Automaton, looks: Tree[], isRepeated: boolean): Part {
  switch (tree.kind) {
    case 'letter': {
      const place = automaton.letters.push(bitsOf(tree.letters)) - 1;
      automaton.follows.push(new Set());
      const only = [place];
      return { first: only, inner: only, last: only, isEmpty: false, isInnerEmpty: false };
    }
    case 'start':
      return { ...EMPTY, isInnerEmpty: false };
    case 'end':
      automaton.canRefuse = true;
      return EMPTY;
    case 'look':
      automaton.canRefuse = true;
      looks.push(tree.part);
      if (isRepeated && hasLoop(tree.part)) automaton.fault = 'a look-around with a loop, within a loop';
      return EMPTY;
    case 'choice': {
      const parts = tree.parts.map((part) => build(part, automaton, looks, isRepeated));
      return {
        first: parts.flatMap(({ first }) => first),
        inner: parts.flatMap(({ inner }) => inner),
        last: parts.flatMap(({ last }) => last),
        isEmpty: parts.some(({ isEmpty }) => isEmpty),
        isInnerEmpty: parts.some(({ isInnerEmpty }) => isInnerEmpty),
      };
    }
    case 'sequence':
      return chain(
        tree.parts.map((part) => build(part, automaton, looks, isRepeated)),
        automaton,
      );
    case 'repeat':
      return repeat(tree, automaton, looks, isRepeated);
  }
}

function chain(parts: readonly Part[], automaton: Automaton): Part {
  return parts.reduce<Part>((before, part) => join(before, part, automaton), EMPTY);
}

function join(before: Part, part: Part, automaton: Automaton): Part {
  for (const place of before.last) for (const next of part.inner) automaton.follows[place]?.add(next);
  return {
    first: before.isEmpty ? [...before.first, ...part.first] : before.first,
    inner: before.isInnerEmpty ? [...before.inner, ...part.inner] : before.inner,
    last: part.isInnerEmpty ? [...before.last, ...part.last] : part.last,
    isEmpty: before.isEmpty && part.isEmpty,
    isInnerEmpty: before.isInnerEmpty && part.isInnerEmpty,
  };
}

function repeat(
  { part, least, most }: Extract<Tree, { kind: 'repeat' }>,
  automaton: Automaton,
  looks: Tree[],
  isRepeated: boolean,
): Part {
  const isEndless = most === Number.POSITIVE_INFINITY;
  const copies = Math.max(1, Math.min(isEndless ? least : most, LONGEST_BOUND));
  const parts = Array.from({ length: copies }, () => build(part, automaton, looks, isRepeated || isEndless));
  const last = parts.at(-1);
  if (isEndless && last !== undefined)
    for (const place of last.last)
      for (const next of last.inner) {
        const follows = automaton.follows[place];
        if (follows?.has(next) === true) automaton.fault = 'a loop of what loops already';
        follows?.add(next);
      }
  // What may be left out is left out from the end: one way to count, not many.
  return parts.reduceRight<Part>((rest, each, index) => {
    const joined = join(each, rest, automaton);
    return index < least ? joined : { ...joined, isEmpty: true, isInnerEmpty: true };
  }, EMPTY);
}

function hasLoop(tree: Tree): boolean {
  if (tree.kind === 'repeat') return tree.most === Number.POSITIVE_INFINITY || hasLoop(tree.part);
  if (tree.kind === 'sequence' || tree.kind === 'choice') return tree.parts.some(hasLoop);
  return tree.kind === 'look' && hasLoop(tree.part);
}

/** Two ways round from one place back to it, by the same letters: time doubles with each letter. */
function loopsTwice(automaton: Automaton): string | undefined {
  const groups = loopsOf(automaton);
  for (let place = 0; place < automaton.letters.length; place += 1) {
    const group = groups[place];
    if (group === undefined) continue;
    const within = (next: number) => groups[next] === group;
    const reached = walk(automaton, [place, place], [within, within]);
    for (const [first = 0, second = 0] of reached.values()) {
      if (first === second) continue;
      if (walk(automaton, [first, second], [within, within]).has(`${place},${place}`))
        return 'one loop that reads the same in two ways';
    }
  }
  return undefined;
}

/** A loop that is entered from another one at any letter while both read the same: time grows with the square. */
function loopsBehindLoop(automaton: Automaton, accepting: ReadonlySet<number>): string | undefined {
  const groups = loopsOf(automaton);
  for (const [from, fromGroup] of groups.entries())
    for (const [to, toGroup] of groups.entries()) {
      if (fromGroup === undefined || toGroup === undefined || fromGroup === toGroup) continue;
      // What has matched already has nothing to go back for.
      if (accepting.has(to)) continue;
      const reached = walk(
        automaton,
        [from, from, to],
        [(next) => groups[next] === fromGroup, () => true, (next) => groups[next] === toGroup],
      );
      if (reached.has(`${from},${to},${to}`)) return 'two loops that can share what they read';
    }
  return undefined;
}

/** All that several walkers can reach together, reading the same letter at each step; the beginning is not among it unless they come back. */
function walk(
  { letters, follows }: Automaton,
  start: readonly number[],
  allowed: readonly ((place: number) => boolean)[],
): ReadonlyMap<string, readonly number[]> {
  const reached = new Map<string, readonly number[]>();
  const open = [start];
  for (let places = open.pop(); places !== undefined; places = open.pop()) {
    let next: readonly (readonly number[])[] = [[]];
    for (const [index, place] of places.entries()) {
      const steps = [...(follows[place] ?? [])].filter((step) => allowed[index]?.(step) === true);
      next = next.flatMap((others) => steps.map((step) => [...others, step]));
    }
    for (const each of next) {
      const key = each.join(',');
      if (reached.has(key) || !shareLetter(each.map((place) => letters[place] ?? 0n))) continue;
      reached.set(key, each);
      open.push(each);
    }
  }
  return reached;
}

function bitsOf(letters: readonly boolean[]): bigint {
  return letters.reduce((bits, isIn, code) => (isIn ? bits | (1n << BigInt(code)) : bits), 0n);
}

function shareLetter(sets: readonly bigint[]): boolean {
  return sets.reduce((shared, set) => shared & set, -1n) !== 0n;
}

/** By place: the loop that it is in, named by its smallest place; `undefined`: it is in none. */
function loopsOf({ follows }: Automaton): readonly (number | undefined)[] {
  const reachable = follows.map((_, place) => {
    const seen = new Set<number>();
    const open = [...(follows[place] ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(follows[next] ?? []));
    }
    return seen;
  });
  return follows.map((_, place) => {
    if (reachable[place]?.has(place) !== true) return undefined;
    return follows.findIndex(
      (__, other) => reachable[place]?.has(other) === true && reachable[other]?.has(place) === true,
    );
  });
}
