/** One segment of a pattern: `{name}` matches any one segment. `**` is not a segment but the pattern's end. */
export type PatternSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string };

export interface PathPattern {
  readonly segments: readonly PatternSegment[];
  /** The pattern ends in `**`: any rest matches, an empty one too. */
  readonly isOpen: boolean;
}

/** Compiles a pattern that the configuration's schema accepted, e.g. `/api/orders/{id}` or `/api/**`. */
export function compilePathPattern(pattern: string): PathPattern {
  const parts = pattern.split('/').filter((part) => part !== '');
  const isOpen = parts.at(-1) === '**';
  if (isOpen) parts.pop();
  return {
    isOpen,
    segments: parts.map((part) =>
      part.startsWith('{')
        ? { kind: 'parameter', name: part.slice(1, -1) }
        : { kind: 'literal', text: Buffer.from(part, 'utf8').toString('latin1') },
    ),
  };
}

/** Equal for patterns that match the same paths, whatever their parameters are called. */
export function shapeOfPattern(pattern: PathPattern): string {
  const segments = pattern.segments.map((segment) =>
    segment.kind === 'literal' ? `=${segment.text}` : '{}',
  );
  return `/${segments.join('/')}${pattern.isOpen ? '/**' : ''}`;
}
