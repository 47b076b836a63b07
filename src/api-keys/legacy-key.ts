import { err, ok, type Result } from '../base/result.ts';
import { ISSUED_KEY_PREFIX, idOfIssuedKey } from './api-key-format.ts';

/**
 * Printable ASCII without a space at either end: what a header field carries unchanged (RFC 9110 §5.5). A comma and a space would
 * be read as two keys, since a proxy joins a repeated field like that (§5.3).
 */
const PRESENTABLE = /^(?!.*, )[!-~](?:[ -~]{0,510}[!-~])?$/;
/** Below this, a key can be guessed against a gateway that answers some thousand guesses a day, given years. */
const WEAK_BITS = 64;
const SHORT_CHARACTERS = 16;

/** Checks a key that is to be imported as it is. The error is a sentence that does not repeat the key. */
export function checkLegacyKey(key: string): Result<{ readonly warnings: readonly string[] }, string> {
  if (!PRESENTABLE.test(key)) {
    return err(
      'The key must be 1 to 512 printable ASCII characters, without a space at either end or after a comma.',
    );
  }
  if (key.startsWith(ISSUED_KEY_PREFIX) && idOfIssuedKey(key) === undefined) {
    return err(`The key begins with ${ISSUED_KEY_PREFIX} but its check digits are wrong: it has a typo.`);
  }
  const warnings: string[] = [];
  if (key.length < SHORT_CHARACTERS) {
    warnings.push(`The key has only ${key.length} characters; rotate it to an issued key soon.`);
  } else if (estimateBits(key) < WEAK_BITS) {
    warnings.push('The key looks easy to guess; rotate it to an issued key soon.');
  }
  return ok({ warnings });
}

/** Upper bound of the entropy by length, alphabet and repetition: low is certainly weak, high proves nothing. */
function estimateBits(key: string): number {
  const classes: readonly (readonly [RegExp, number])[] = [
    [/[0-9]/, 10],
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[^0-9A-Za-z]/, 33],
  ];
  const alphabet = classes.reduce((sum, [pattern, size]) => (pattern.test(key) ? sum + size : sum), 0);
  const distinct = new Set(key).size;
  return key.length * Math.log2(Math.min(alphabet, distinct * 2));
}
