import { foldFieldName, isVouchedField } from './field-names.ts';

/** Fields that every answer speaks of, since the proxy in front would else let the client's own pass. */
export interface OwnedFields {
  /** Identity fields of all upstreams, as configured. */
  readonly identity: readonly string[];
  /** Credentials of clients, and fields in which they name their tenant. */
  readonly credentials: readonly string[];
  /** A received name that some server would take for one of them, or for X-Forwarded-For and the like, and no answer of ours can overwrite. */
  findAlias(fields: readonly string[]): string | undefined;
}

const PREFIX = 'x-gatehouse-';

export function createOwnedFields(identity: Iterable<string>, credentials: Iterable<string>): OwnedFields {
  const ours = unique(identity);
  const taken = new Set(ours.map((name) => name.toLowerCase()));
  const named = {
    identity: ours,
    // An upstream may want a field of its own under the name in which clients present theirs.
    credentials: unique(credentials).filter((name) => !taken.has(name.toLowerCase())),
  };
  const exact = new Map(
    [...named.identity, ...named.credentials].map((name) => [foldFieldName(name), name.toLowerCase()]),
  );

  function isAlias(received: string): boolean {
    const name = received.toLowerCase();
    const folded = foldFieldName(name);
    const owned = exact.get(folded);
    if (owned !== undefined) return owned !== name;
    // The exact names are for the proxy in front to set or take out; it does not know the other spellings.
    return folded.startsWith(PREFIX) || (folded !== name && isVouchedField(folded));
  }

  return {
    ...named,
    findAlias(fields) {
      for (let index = 0; index < fields.length; index += 2) {
        const name = fields[index] ?? '';
        if (isAlias(name)) return name;
      }
      return undefined;
    },
  };
}

/** One spelling of each: the first. */
function unique(names: Iterable<string>): readonly string[] {
  const byName = new Map<string, string>();
  for (const name of names) if (!byName.has(name.toLowerCase())) byName.set(name.toLowerCase(), name);
  return [...byName.values()];
}
