import { type Field, valuesOf } from '../read/grammar.ts';
import type { Message } from '../read/request.ts';
import { type KnownCredential, SESSION_COOKIE, type TenantName } from '../scene/credentials.ts';

/** Who may act by what a request presents; says nothing of why not. */
export interface Model {
  /** The tenant of the credentials; `undefined`: there is none, or they do not go together, or one is nobody's. */
  tenantOf(fields: readonly Field[]): TenantName | undefined;
}

/** As `foldFieldName` of the product, and written a second time on purpose. */
export function fold(name: string): string {
  return name
    .toLowerCase()
    .split('')
    .map((letter) => (/[a-z0-9]/.test(letter) ? letter : '-'))
    .join('');
}

export function createModel(known: readonly KnownCredential[]): Model {
  const byValue = new Map(known.map((credential) => [credential.value, credential]));
  return {
    tenantOf(fields) {
      const presented = presentedIn(fields);
      const found = presented.map((value) => byValue.get(value));
      const [first] = found;
      if (first === undefined || found.some((each) => each?.tenant !== first.tenant)) return undefined;
      const keys = found.filter((each) => each?.kind === 'apiKey').length;
      return keys > 1 || found.length - keys > 1 ? undefined : first.tenant;
    },
  };
}

function presentedIn(fields: readonly Field[]): readonly string[] {
  const authorizations = valuesOf(fields, 'authorization').map((value) =>
    value.replace(/^(?:bearer|apikey) +/i, ''),
  );
  const sessions = valuesOf(fields, 'cookie')
    .flatMap((value) => value.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${SESSION_COOKIE}=`))
    .map((pair) => pair.slice(SESSION_COOKIE.length + 1));
  return [...valuesOf(fields, 'x-api-key'), ...authorizations, ...sessions];
}

/** What a path that the gateway forwards stands under; `undefined`: nothing may be forwarded for it. */
export function routeOf({ target }: Pick<Message, 'target'>): 'public' | 'protected' | undefined {
  const path = target.split('?', 1)[0] ?? '';
  if (/[\\#]|\/\/|\/\.{1,2}(?:[/;]|$)|%2e|%2f|%5c|%00/i.test(path)) return undefined;
  if (path.startsWith('/public/')) return 'public';
  return path.startsWith('/api/') || path.startsWith('/hostile/') ? 'protected' : undefined;
}
