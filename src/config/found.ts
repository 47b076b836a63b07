import { quoted } from '../base/quoted.ts';
import { isOnlyReferences } from './references.ts';

/** What stands in the file, for the sentence "found …". A secret is named as such; references are shown as written. */
export function describeFound(value: unknown, isSecret: boolean): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return describeMap(value);
  if (typeof value === 'string') {
    if (isSecret && !isOnlyReferences(value)) return '[secret]';
    return mayHoldCredentials(value) ? 'a URL with user, query or fragment' : quoted(value);
  }
  return isSecret ? `[secret] (a ${typeof value} without quotes)` : JSON.stringify(value);
}

/** `user:password@host`, and queries that carry a token, wherever someone writes them. */
function mayHoldCredentials(text: string): boolean {
  return /:[^@]*@/.test(text) || /:\/\/[^?#]*[?#]/.test(text);
}

function describeMap(value: object): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return 'an empty map';
  return keys.length > 5 ? 'a map' : `a map with ${keys.map(quoted).join(', ')}`;
}
