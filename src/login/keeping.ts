import { isFieldValue } from '../assertion/field-value.ts';
import { Outage } from '../base/outage.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { Json } from '../principals/principal.ts';
import type { Jar, KeptField } from '../sessions/jar.ts';
import { compilePointer, memberAt } from './json-answer.ts';

/** What a login keeps of its upstream. */
export interface Keeping {
  readonly cookieNames: ReadonlySet<string>;
  /** Whether there are fields to be made of the JSON answer. */
  readonly keepsFields: boolean;
  /** Only the cookies that are kept. */
  cookiesOf(jar: Jar): Jar['cookies'];
  /** Throws `Outage('login_unavailable')` if the answer has no value for one. */
  fieldsOf(answer: Json): readonly KeptField[];
}

export function compileKeeping(upstream: string, keep: LoginSettings['keep']): Keeping {
  const cookieNames = new Set(keep.cookies);
  const fields = Object.entries(keep.fields).map(([name, text]) => {
    const [before = '', rest = ''] = text.split('{');
    const [pointer = '', after = ''] = rest.split('}');
    return { name, before, after, pointer: compilePointer(pointer) };
  });
  return {
    cookieNames,
    keepsFields: fields.length > 0,
    cookiesOf: ({ cookies }) => cookies.filter(({ name }) => cookieNames.has(name)),
    fieldsOf: (answer) =>
      fields.map(({ name, before, after, pointer }): KeptField => {
        const member = memberAt(answer, pointer);
        const value = typeof member === 'string' && member !== '' ? before + member + after : '';
        if (!isFieldValue(value))
          throw new Outage('login_unavailable', `the answer to the login has nothing to keep as ${name}`);
        return { upstream, name, value };
      }),
  };
}
