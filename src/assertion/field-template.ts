import { err, ok, type Result } from '../base/result.ts';
import type { SettingProblem } from '../base/setting-problem.ts';
import { encodeLiteral, isFieldValue } from './field-value.ts';
import type { IdentityContext } from './identity.ts';
import {
  findPlaceholder,
  PLACEHOLDERS,
  type ReadPlaceholder,
  readTenantCredential,
  tenantCredentialOf,
} from './placeholders.ts';

/** The value of one field, compiled from text with `{placeholder}`s in it. */
export interface FieldTemplate {
  /** Credentials that a tenant must have for it. */
  readonly tenantCredentials: readonly string[];
  /**
   * The field's value: valid and never empty. `undefined` = one of its placeholders has no value, and so the field has none.
   * Throws `Outage('identity_unavailable')` for a credential that the tenant has not got.
   */
  readonly render: (context: IdentityContext) => string | undefined;
}

export type TemplateProblem = Pick<SettingProblem, 'found' | 'expected'>;

/**
 * A piece of a template: literal text, or the name between braces. With any value put in for the names, it shows
 * whether the literal text around them fits a field.
 */
type Piece = { readonly literal: string } | { readonly name: string };

/**
 * A template of identity: everything in it is encoded in one way, so that percent-decoding a field with one placeholder
 * gives what it stands for, and lists are split at `,` before that.
 */
export function compileIdentityTemplate(text: string): Result<FieldTemplate, TemplateProblem> {
  const pieces = split(text);
  if (pieces === undefined) return err({ found: JSON.stringify(text), expected: expectation([]) });
  const reads: ReadPlaceholder[] = [];
  for (const piece of pieces) {
    const read = 'literal' in piece ? constant(encodeLiteral(piece.literal)) : findPlaceholder(piece.name);
    if (read === undefined) return err({ found: JSON.stringify(text), expected: expectation([]) });
    reads.push(read);
  }
  const outline = pieces.map((piece) => ('literal' in piece ? encodeLiteral(piece.literal) : 'x')).join('');
  if (isFieldValue(outline)) return ok({ tenantCredentials: [], render: renderer(reads) });
  return err({ found: JSON.stringify(text), expected: 'text without white space at its ends' });
}

/**
 * A template of an upstream's own credentials: literal text and `{tenant.credentials.NAME}` go out as they are. Since references
 * have been resolved in it, problems do not quote the text.
 */
export function compileCredentialTemplate(text: string): Result<FieldTemplate, TemplateProblem> {
  const pieces = split(text);
  const expected = expectation(['tenant.credentials.NAME']);
  if (pieces === undefined) return err({ found: 'a brace that belongs to no placeholder', expected });
  const reads: ReadPlaceholder[] = [];
  const tenantCredentials: string[] = [];
  for (const piece of pieces) {
    if ('literal' in piece) {
      reads.push(constant(piece.literal));
      continue;
    }
    const credential = tenantCredentialOf(piece.name);
    if (credential !== undefined) tenantCredentials.push(credential);
    const read = credential === undefined ? findPlaceholder(piece.name) : readTenantCredential(credential);
    if (read === undefined) return err({ found: 'a placeholder that there is not', expected });
    reads.push(read);
  }
  const outline = pieces.map((piece) => ('literal' in piece ? piece.literal : 'x')).join('');
  if (isFieldValue(outline)) return ok({ tenantCredentials, render: renderer(reads) });
  return err({
    found: 'a text that no field can carry',
    expected: 'a text without control characters and without white space at its ends',
  });
}

function expectation(further: readonly string[]): string {
  return `text with placeholders out of ${[...PLACEHOLDERS, ...further].map((name) => `{${name}}`).join(', ')}`;
}

/** `undefined` = a brace that neither opens nor closes a placeholder. There is no way to write a literal one. */
function split(text: string): readonly Piece[] | undefined {
  const pieces: Piece[] = [];
  for (const [index, part] of text.split('{').entries()) {
    const [name, literal, ...rest] = index === 0 ? [undefined, part] : part.split('}');
    if (literal === undefined || rest.length > 0 || (index === 0 && literal.includes('}'))) return undefined;
    if (name !== undefined) pieces.push({ name });
    if (literal !== '') pieces.push({ literal });
  }
  return pieces;
}

function constant(text: string): ReadPlaceholder {
  return () => text;
}

function renderer(reads: readonly ReadPlaceholder[]): FieldTemplate['render'] {
  const [first] = reads;
  if (first !== undefined && reads.length === 1) return first;
  return (context) => {
    let value = '';
    for (const read of reads) {
      const part = read(context);
      if (part === undefined) return undefined;
      value += part;
    }
    return value;
  };
}
