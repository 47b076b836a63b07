import { isFieldValue } from '../assertion/field-value.ts';
import { compileLoginTemplate, type LoginValues, render } from './template.ts';

/** Something that a client gave cannot be sent: no password could be that. */
export class Unsendable extends Error {
  constructor(field: string) {
    super(`user name or password cannot be sent in the field ${field}`);
    this.name = 'Unsendable';
  }
}

/** Name, value …. Throws `Unsendable` for a user name or password that no field can carry, so that none can begin another field. */
export function compileFields(
  templates: Readonly<Record<string, string>>,
): (values: LoginValues) => readonly string[] {
  const fields = Object.entries(templates).map(([name, text]) => {
    const template = compileLoginTemplate(text);
    return {
      name,
      template,
      isClients: template.some(({ kind }) => kind === 'username' || kind === 'password'),
    };
  });
  return (values) =>
    fields.flatMap(({ name, template, isClients }) => {
      const value = render(template, values);
      if (isClients && !isFieldValue(value)) throw new Unsendable(name);
      return [name, value];
    });
}
