const SURROGATE = /\p{Surrogate}/gu;

/**
 * Escapes a text so that it may be one part of a composed key: the answer is ASCII without `:`, and no two texts
 * share one. Total, unlike `encodeURIComponent`: JSON may carry half of a surrogate pair, which becomes `%uD83D`
 * (no percent-encoded byte looks like that), so that a client's `jti` can neither throw nor collide.
 */
export function escapeKeyPart(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  let escaped = '';
  let copied = 0;
  for (const half of text.matchAll(SURROGATE)) {
    escaped += `${encodeURIComponent(text.slice(copied, half.index))}%u${half[0].charCodeAt(0).toString(16).toUpperCase()}`;
    copied = half.index + 1;
  }
  return escaped + encodeURIComponent(text.slice(copied));
}
