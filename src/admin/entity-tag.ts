import { createHash } from 'node:crypto';
import type { ClientView } from './schemas/clients.ts';
import type { KeyView } from './schemas/keys.ts';
import type { TenantView } from './schemas/tenants.ts';

/** The entity tag of what an answer shows (RFC 9110 §8.8.3), strong. */
export function tagOfTenant(view: TenantView): string {
  return tagOf(view);
}

/** A key's tag tells of what an administrator may change: neither a use of the key nor the passing of time changes it. */
export function tagOfKey({ lastUsedAt: _lastUsedAt, state: _state, ...rest }: KeyView): string {
  return tagOf(rest);
}

/** The end of an old secret, which comes with time, changes nothing; a new secret makes another revision. */
export function tagOfClient({ secrets: _secrets, ...rest }: ClientView): string {
  return tagOf(rest);
}

function tagOf(view: object): string {
  return `"${createHash('sha256').update(JSON.stringify(view)).digest('base64url').slice(0, 22)}"`;
}

/** Whether a tag fulfils an If-Match field (RFC 9110 §13.1.1): `*`, or a list that has it. A weak tag never matches. */
export function isMatch(field: string, tag: string): boolean {
  return (
    field.trim() === '*' ||
    field
      .split(',')
      .map((each) => each.trim())
      .includes(tag)
  );
}
