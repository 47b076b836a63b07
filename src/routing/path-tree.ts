import type { PathPattern } from './path-pattern.ts';

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  parameter: Node<T> | undefined;
  /** Here ends a pattern. */
  exact: T | undefined;
  /** Here ends a pattern with `**`. */
  open: T | undefined;
}

/**
 * Patterns as a tree of segments: finding costs the depth of the path, whatever the number of patterns. The most
 * specific pattern wins, segment by segment: literal, then parameter, then `**`.
 */
export interface PathTree<T> {
  /** The leaf of a pattern, made by `create` when the pattern is new. */
  leaf(pattern: PathPattern, create: () => T): T;
  find(segments: readonly string[]): T | undefined;
}

export function createPathTree<T>(): PathTree<T> {
  const root = createNode<T>();
  return {
    leaf(pattern, create) {
      let node = root;
      for (const segment of pattern.segments)
        node = segment.kind === 'literal' ? literalChild(node, segment.text) : parameterChild(node);
      if (pattern.isOpen) return (node.open ??= create());
      return (node.exact ??= create());
    },
    find: (segments) => findIn(root, segments, 0),
  };
}

function createNode<T>(): Node<T> {
  return { literals: new Map(), parameter: undefined, exact: undefined, open: undefined };
}

function literalChild<T>(node: Node<T>, text: string): Node<T> {
  const known = node.literals.get(text);
  if (known !== undefined) return known;
  const created = createNode<T>();
  node.literals.set(text, created);
  return created;
}

function parameterChild<T>(node: Node<T>): Node<T> {
  return (node.parameter ??= createNode<T>());
}

/** Depth and branching are bounded by the configured patterns, not by the request. */
function findIn<T>(node: Node<T>, segments: readonly string[], depth: number): T | undefined {
  const segment = segments[depth];
  if (segment === undefined) return node.exact ?? node.open;
  const literal = node.literals.get(segment);
  const found = literal === undefined ? undefined : findIn(literal, segments, depth + 1);
  if (found !== undefined) return found;
  const viaParameter = node.parameter === undefined ? undefined : findIn(node.parameter, segments, depth + 1);
  return viaParameter ?? node.open;
}
