import { err, ok, type Result } from '../base/result.ts';

/** A piece of what a login sends: literal text, or what it stands for. */
export type LoginPiece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'username' }
  | { readonly kind: 'password' }
  | { readonly kind: 'tenantId' }
  | { readonly kind: 'tenantCredential'; readonly name: string }
  /** A value that the `prepare` request yielded. */
  | { readonly kind: 'prepared'; readonly name: string };

export type LoginTemplate = readonly LoginPiece[];

/** References in templates have been resolved, so that neither text quotes them. */
export interface LoginTemplateProblem {
  readonly found: string;
  readonly expected: string;
}

const EXPECTED =
  'text with placeholders out of {username}, {password}, {tenant.id}, {tenant.credentials.NAME}, {prepare.NAME}';

const FIXED: Readonly<Record<string, LoginPiece>> = {
  username: { kind: 'username' },
  password: { kind: 'password' },
  'tenant.id': { kind: 'tenantId' },
};

const NAMED = /^(tenant\.credentials|prepare)\.([A-Za-z0-9][A-Za-z0-9_-]{0,62})$/;

/** There is no way to write a literal brace. */
export function parseLoginTemplate(text: string): Result<LoginTemplate, LoginTemplateProblem> {
  const pieces: LoginPiece[] = [];
  for (const [index, part] of text.split('{').entries()) {
    const [name, literal, ...rest] = index === 0 ? [undefined, part] : part.split('}');
    if (literal === undefined || rest.length > 0 || (index === 0 && literal.includes('}')))
      return err({ found: 'a brace that belongs to no placeholder', expected: EXPECTED });
    if (name !== undefined) {
      const piece = pieceOf(name);
      if (piece === undefined) return err({ found: 'a placeholder that there is not', expected: EXPECTED });
      pieces.push(piece);
    }
    if (literal !== '') pieces.push({ kind: 'literal', text: literal });
  }
  return ok(pieces);
}

function pieceOf(name: string): LoginPiece | undefined {
  if (Object.hasOwn(FIXED, name)) return FIXED[name];
  const [, kind, member = ''] = NAMED.exec(name) ?? [];
  if (kind === undefined) return undefined;
  return { kind: kind === 'prepare' ? 'prepared' : 'tenantCredential', name: member };
}

/** JSON as it is written in the configuration: every text in it is a template. */
export type JsonTemplate =
  | string
  | number
  | boolean
  | null
  | readonly JsonTemplate[]
  | { readonly [name: string]: JsonTemplate };

export interface PlacedText {
  /** Names and indices that lead there. */
  readonly path: readonly (string | number)[];
  readonly text: string;
}

/** Every text of a template in JSON, member names aside. */
export function textsOf(
  template: JsonTemplate,
  path: readonly (string | number)[] = [],
): readonly PlacedText[] {
  if (typeof template === 'string') return [{ path, text: template }];
  if (typeof template !== 'object' || template === null) return [];
  if (isList(template)) return template.flatMap((item, index) => textsOf(item, [...path, index]));
  return Object.entries(template).flatMap(([name, member]) => textsOf(member, [...path, name]));
}

function isList(template: object): template is readonly JsonTemplate[] {
  return Array.isArray(template);
}
