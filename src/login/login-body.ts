import { type JsonTemplate, type LoginTemplate } from '../config/login-template.ts';
import { compileLoginTemplate, type LoginValues, render } from './template.ts';

/** The body of a request of ours. */
export interface LoginBody {
  readonly contentType: string;
  write(values: LoginValues): Buffer;
}

/**
 * JSON whose texts are rendered one by one and written by `JSON.stringify`: no value can end the text that it stands in. Throws for
 * templates that the semantics of the configuration would have refused.
 */
export function jsonBody(template: JsonTemplate): LoginBody {
  const write = compileJson(template);
  return {
    contentType: 'application/json',
    write: (values) => Buffer.from(JSON.stringify(write(values)), 'utf8'),
  };
}

function compileJson(template: JsonTemplate): (values: LoginValues) => unknown {
  if (typeof template === 'string') {
    const text = compileLoginTemplate(template);
    return (values) => render(text, values);
  }
  if (typeof template !== 'object' || template === null) return () => template;
  if (Array.isArray(template)) {
    const items = (template as readonly JsonTemplate[]).map(compileJson);
    return (values) => items.map((item) => item(values));
  }
  const members = Object.entries(template as { readonly [name: string]: JsonTemplate }).map(
    ([name, member]) => [name, compileJson(member)] as const,
  );
  return (values) => Object.fromEntries(members.map(([name, write]) => [name, write(values)]));
}

/** `application/x-www-form-urlencoded` in UTF-8, every name and value encoded. */
export function formBody(templates: Readonly<Record<string, string>>): LoginBody {
  const members = Object.entries(templates).map(([name, text]): readonly [string, LoginTemplate] => [
    name,
    compileLoginTemplate(text),
  ]);
  return {
    contentType: 'application/x-www-form-urlencoded',
    write(values) {
      const form = new URLSearchParams();
      for (const [name, template] of members) form.append(name, render(template, values));
      return Buffer.from(form.toString(), 'latin1');
    },
  };
}
